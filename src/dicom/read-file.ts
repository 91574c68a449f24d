/** Reads the header of one open file, window by window, as the scanner asks. */
import { constants, inflateRawSync } from 'node:zlib';
import { DicomReadError } from '../errors.ts';
import { byteAt } from './bytes.ts';
import { NOT_REGULAR, type Reading } from './file-calls.ts';
import { systemCode } from './file-error.ts';
import type { HeaderScanner } from './scan.ts';

/** Bytes. The first window holds the whole header of 94 % of files; the next ones are for the others. */
const FIRST_WINDOW = 8 << 10;
export const NEXT_WINDOW = 64 << 10;

/** The bounds of a deflated data set (contract, "Rules"). Sizes in bytes. */
const FIRST_COMPRESSED = 8 << 10;
const MAX_INFLATED = 16 << 20;

export interface WindowSizes {
  readonly first: number;
  readonly next: number;
}

export const DEFAULT_WINDOWS: WindowSizes = { first: FIRST_WINDOW, next: NEXT_WINDOW };

/**
 * Scans an open file; `window` is the buffer to read into, at least as large as the windows. Returns the file's size in bytes. Throws
 * DicomReadError and file system errors; the descriptor stays open.
 */
export function* scanFile(
  descriptor: number,
  scanner: HeaderScanner,
  window: Buffer,
  sizes: WindowSizes = DEFAULT_WINDOWS,
): Reading<number> {
  const size = (yield { call: 'size', descriptor }) as number;
  if (size === NOT_REGULAR) throw new DicomReadError('not_a_regular_file');
  scanner.reset();
  let length = sizes.first;
  for (;;) {
    const { offset } = scanner;
    const expected = Math.min(Math.max(length, scanner.wanted), window.length, Math.max(0, size - offset));
    let filled = (yield { call: 'read', descriptor, window, length: expected, offset }) as number;
    // A file system may give less than it was asked for.
    if (filled > 0 && filled < expected)
      filled += yield* fill(descriptor, window.subarray(filled, expected), offset + filled);
    if (scanner.scan(window, filled, filled < expected || offset + filled >= size)) break;
    length = sizes.next;
  }
  if (scanner.deflated) yield* scanDeflated(descriptor, scanner, size, sizes);
  return size;
}

/** Reads until the buffer is full or the file ends; returns how many bytes are in it. */
function* fill(descriptor: number, buffer: Buffer, offset: number): Reading<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const window = buffer.subarray(filled);
    const count = (yield {
      call: 'read',
      descriptor,
      window,
      length: window.length,
      offset: offset + filled,
    }) as number;
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** Inflates longer and longer beginnings of the data set until the scanner has enough: a bomb behind the header never goes off. */
function* scanDeflated(descriptor: number, scanner: HeaderScanner, size: number, sizes: WindowSizes): Reading<void> {
  const start = scanner.offset;
  const available = Math.max(0, size - start);
  scanner.startInflated();
  for (let length = FIRST_COMPRESSED; ; length *= 4) {
    const wanted = Math.min(length, available, MAX_INFLATED);
    const compressed = Buffer.allocUnsafe(wanted);
    const filled = yield* fill(descriptor, compressed, start);
    const whole = filled < wanted || wanted === available;
    const stream = withoutZlibHeader(compressed.subarray(0, filled));
    const inflated = inflate(stream, constants.Z_SYNC_FLUSH);
    if (scanInflated(scanner, inflated, false, sizes)) return;
    if (!whole) {
      if (scanner.offset > MAX_INFLATED || wanted === MAX_INFLATED) throw new DicomReadError('header_too_large');
      continue;
    }
    // A data set ends where its stream ends, and nowhere before.
    inflate(stream, constants.Z_FINISH);
    if (!scanInflated(scanner, inflated, true, sizes)) throw new DicomReadError('truncated');
    return;
  }
}

/** Returns false when `inflated` isn't enough; `whole` says that nothing follows it. */
function scanInflated(scanner: HeaderScanner, inflated: Buffer, whole: boolean, sizes: WindowSizes): boolean {
  for (;;) {
    const { offset, wanted } = scanner;
    const window = inflated.subarray(offset, offset + Math.max(sizes.next, wanted));
    const reachesEnd = offset + window.length >= inflated.length;
    if (window.length === 0 && !whole) return false;
    if (scanner.scan(window, window.length, reachesEnd && whole)) return true;
    if (reachesEnd && (whole || scanner.offset === offset)) return false;
  }
}

/** `flush` tells whether a beginning will do (Z_SYNC_FLUSH) or the stream must reach its end (Z_FINISH). */
function inflate(stream: Buffer, flush: number): Buffer {
  try {
    return inflateRawSync(stream, { finishFlush: flush, maxOutputLength: MAX_INFLATED, chunkSize: NEXT_WINDOW });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new DicomReadError('header_too_large');
    throw new DicomReadError(code === 'Z_BUF_ERROR' ? 'truncated' : 'bad_deflate');
  }
}

/** PS3.5, A.5 asks for a bare deflate stream; some writers put zlib's header (RFC 1950) before it. A stored block is told by its length. */
function withoutZlibHeader(bytes: Buffer): Buffer {
  if (bytes.length < 5 || (byteAt(bytes, 0) & 0x0f) !== 8 || bytes.readUInt16BE(0) % 31 !== 0) return bytes;
  const stored = (bytes.readUInt16LE(1) ^ bytes.readUInt16LE(3)) === 0xffff;
  return stored ? bytes : bytes.subarray(2);
}
