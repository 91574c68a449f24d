/** Reads the header of one open file in the windows that the scanner requests. */
import { constants, inflateRawSync } from 'node:zlib';
import { DicomReadError, systemCode } from '../../errors.ts';
import { byteAt } from '../bytes/bytes.ts';
import type { HeaderScanner } from '../bytes/scan.ts';
import type { Reading } from './file-calls.ts';

/** In bytes. The first window holds the whole header of 94 % of files. */
const FIRST_WINDOW = 8 << 10;
/** Size of the further windows. */
export const NEXT_WINDOW = 64 << 10;

/** Bounds of a deflated data set (docs/contract.md, "Bounds"). In bytes. */
const FIRST_COMPRESSED = 8 << 10;
const MAX_INFLATED = 16 << 20;
// Fits a header of 200 elements; larger chunks cost more to allocate than they save.
const INFLATED_CHUNK = 16 << 10;

/** Sizes of the first and of further reads, in bytes. */
export interface WindowSizes {
  readonly first: number;
  readonly next: number;
}

/** 8 KiB, then 64 KiB. */
export const DEFAULT_WINDOWS: WindowSizes = { first: FIRST_WINDOW, next: NEXT_WINDOW };

/**
 * Scans an open file of `size` bytes. `window` is the buffer to read into, at least as large as `sizes`. `scanned` is
 * the number of bytes at the file's start that are in the window and were scanned already. Throws DicomReadError and
 * file system errors. Does not close the descriptor.
 */
export function* scanFile(
  descriptor: number,
  size: number,
  scanner: HeaderScanner,
  window: Buffer,
  sizes: WindowSizes = DEFAULT_WINDOWS,
  scanned = 0,
): Reading<void> {
  let start = 0;
  let filled = scanned;
  if (scanned === 0) scanner.reset(size);
  let length = scanned === 0 ? sizes.first : sizes.next;
  while (!scanner.deflated) {
    const { offset } = scanner;
    const expected = Math.min(Math.max(length, scanner.wanted), window.length, Math.max(0, size - offset));
    start = offset;
    filled = (yield { call: 'read', descriptor, window, length: expected, offset }) as number;
    // A read may return fewer bytes than requested.
    if (filled > 0 && filled < expected)
      filled += yield* fill(descriptor, window.subarray(filled, expected), offset + filled);
    if (scanner.scan(window, filled, filled < expected || offset + filled >= size)) break;
    length = sizes.next;
  }
  if (!scanner.deflated) return;
  // The bytes in the window are usually enough.
  const inWindow = window.subarray(Math.min(filled, scanner.offset - start), filled);
  yield* scanDeflated(descriptor, scanner, size, sizes, inWindow);
}

/** Reads until the buffer is full or the file ends; returns the number of bytes read. */
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

/** Scans the data set after `scanner.offset`. An error after the last wanted attribute only ends the scan. */
function* scanDeflated(
  descriptor: number,
  scanner: HeaderScanner,
  size: number,
  sizes: WindowSizes,
  beginning: Buffer,
): Reading<void> {
  try {
    yield* scanPrefixes(descriptor, scanner, size, sizes, beginning);
  } catch (error) {
    if (!scanner.endsWell(error)) throw error;
  }
}

/**
 * Inflates growing prefixes of the data set until the scanner has enough, so that a decompression bomb after the header
 * is never inflated.
 */
function* scanPrefixes(
  descriptor: number,
  scanner: HeaderScanner,
  size: number,
  sizes: WindowSizes,
  beginning: Buffer,
): Reading<void> {
  const start = scanner.offset;
  const available = Math.max(0, size - start);
  scanner.startInflated();
  let wanted = Math.min(available, firstCompressed(start));
  let compressed =
    beginning.length >= wanted ? beginning.subarray(0, wanted) : yield* readPart(descriptor, start, wanted);
  for (let length = FIRST_COMPRESSED; ; ) {
    const stream = withoutZlibHeader(compressed);
    if (compressed.length < wanted || wanted === available) {
      scanWhole(scanner, stream, sizes);
      return;
    }
    if (scanInflated(scanner, inflate(stream, constants.Z_SYNC_FLUSH), false, sizes)) return;
    if (scanner.offset > MAX_INFLATED || wanted === MAX_INFLATED) throw new DicomReadError('header_too_large');
    length *= 4;
    wanted = Math.min(length, available, MAX_INFLATED);
    compressed = yield* readPart(descriptor, start, wanted);
  }
}

/** Scans a complete stream. If it is truncated, its beginning may still be enough. */
function scanWhole(scanner: HeaderScanner, stream: Buffer, sizes: WindowSizes): void {
  let inflated: Buffer;
  try {
    inflated = inflate(stream, constants.Z_FINISH);
  } catch (error) {
    if (!(error instanceof DicomReadError && error.code === 'truncated')) throw error;
    if (!scanInflated(scanner, inflate(stream, constants.Z_SYNC_FLUSH), false, sizes)) throw error;
    return;
  }
  scanner.endsAt(inflated.length);
  if (!scanInflated(scanner, inflated, true, sizes)) throw new DicomReadError('truncated');
}

/** The number of compressed bytes in the first window, which is already read, unless they are too few. */
function firstCompressed(start: number): number {
  const inFirstWindow = FIRST_WINDOW - start;
  return inFirstWindow >= FIRST_COMPRESSED / 4 ? inFirstWindow : FIRST_COMPRESSED;
}

function* readPart(descriptor: number, start: number, length: number): Reading<Buffer> {
  const part = Buffer.allocUnsafe(length);
  return part.subarray(0, yield* fill(descriptor, part, start));
}

/** Returns false when `inflated` isn't enough. `whole` says that it is the complete data set. */
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

/** `flush`: whether a prefix is enough (Z_SYNC_FLUSH) or the stream must be complete (Z_FINISH). */
function inflate(stream: Buffer, flush: number): Buffer {
  try {
    return inflateRawSync(stream, { finishFlush: flush, maxOutputLength: MAX_INFLATED, chunkSize: INFLATED_CHUNK });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ERR_BUFFER_TOO_LARGE') throw new DicomReadError('header_too_large');
    throw new DicomReadError(code === 'Z_BUF_ERROR' ? 'truncated' : 'bad_deflate');
  }
}

/**
 * PS3.5 A.5 requires a raw deflate stream; some writers prepend a zlib header (RFC 1950). A stored block is recognised
 * by its length.
 */
function withoutZlibHeader(bytes: Buffer): Buffer {
  if (bytes.length < 5 || (byteAt(bytes, 0) & 0x0f) !== 8 || bytes.readUInt16BE(0) % 31 !== 0) return bytes;
  const stored = (bytes.readUInt16LE(1) ^ bytes.readUInt16LE(3)) === 0xffff;
  return stored ? bytes : bytes.subarray(2);
}
