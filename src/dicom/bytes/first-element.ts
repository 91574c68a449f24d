/** Whether VRs are written, as the first element of a data set shows it (docs/contract.md, "Transfer syntax"). */
import { byteAt, tagLittleEndian } from './bytes.ts';
import type { Cursor, MORE } from './cursor.ts';
import { SCAN_LIMITS } from './limits.ts';
import { UNDEFINED_LENGTH } from './tags.ts';
import { isKnownVr, isPrintable, NO_VR } from './vr.ts';

/**
 * `implicitExpected` is what the transfer syntax says; it counts only where the element itself shows nothing. Little endian. Returns `MORE` where
 * the cursor asks for the next element, too.
 */
export function startsExplicit(
  window: Buffer,
  at: number,
  end: number,
  implicitExpected: boolean,
  cursor: Cursor,
): boolean | typeof MORE {
  const vr = vrAt(window, at);
  if (isKnownVr(vr)) return true;
  // A VR that is in no table, such as `??`: as a length it would be of 8 KB or more, which the first element never has.
  if (isPrintable(vr) && !implicitExpected) return true;
  const length = window.readUInt32LE(at + 4);
  // Two NULs where a VR is expected and a length behind them: not the length of a first element, either.
  const isUnsetVr = vr === NO_VR && !implicitExpected;
  if (length > SCAN_LIMITS.valueBytes) return isUnsetVr;
  // An element without a VR before others that have one.
  const next = at + 8 + length;
  if (next + 8 > end) return cursor.offset + end < cursor.size ? cursor.pause(at, length + 16) : false;
  const ascends = tagLittleEndian(window, next) > tagLittleEndian(window, at);
  if (ascends && isKnownVr(vrAt(window, next))) return true;
  // Two NULs are an empty element without a VR only where another one follows.
  return isUnsetVr && !(ascends && isLengthWithoutVr(window.readUInt32LE(next + 4)));
}

function isLengthWithoutVr(length: number): boolean {
  return length <= SCAN_LIMITS.valueBytes || length === UNDEFINED_LENGTH;
}

function vrAt(window: Buffer, at: number): number {
  return (byteAt(window, at + 4) << 8) | byteAt(window, at + 5);
}
