/** Whether VRs are written, as the first element of a data set shows it (contract, "Rules"). */
import { byteAt, tagLittleEndian } from './bytes.ts';
import { isKnownVr, isPrintable } from './vr.ts';

/** `implicitExpected` is what the transfer syntax says; it counts only where the element itself shows nothing. Little endian. */
export function startsExplicit(window: Buffer, at: number, end: number, implicitExpected: boolean): boolean {
  const vr = vrAt(window, at);
  if (isKnownVr(vr)) return true;
  // A VR that is in no table, such as `??`: as a length it would be of 8 KB or more, which the first element never has.
  if (isPrintable(vr) && !implicitExpected) return true;
  // An element without a VR before others that have one.
  const next = at + 8 + window.readUInt32LE(at + 4);
  if (next + 8 > end) return false;
  return tagLittleEndian(window, next) > tagLittleEndian(window, at) && isKnownVr(vrAt(window, next));
}

function vrAt(window: Buffer, at: number): number {
  return (byteAt(window, at + 4) << 8) | byteAt(window, at + 5);
}
