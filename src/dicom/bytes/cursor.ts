/** The scanner's position in the file, and the window that it needs next. */
import { DicomReadError, type DicomReadErrorCode } from '../../errors.ts';
import { SCAN_LIMITS } from './limits.ts';

/** Returned instead of a position when the window is too short. `offset` and `wanted` then describe the next one. */
export const MORE = -1;

const PREFIX_BYTES = 132;

/** Throws a DicomReadError. */
export function fail(code: DicomReadErrorCode): never {
  throw new DicomReadError(code);
}

/** The position, the next window, and the limits of one scan. */
export class Cursor {
  /** Where the window starts, */
  offset = 0;
  /** and how many bytes the next one must hold at least, unless the file ends before. */
  wanted = PREFIX_BYTES;
  /** Size of the scanned file or inflated data set, in bytes. The latter is known only at its end. */
  size = Number.POSITIVE_INFINITY;
  #elements = 0;
  #scannedBytes = 0;
  #skipped = false;

  /** Resets the state for the next file. */
  reset(size: number): void {
    this.offset = 0;
    this.wanted = PREFIX_BYTES;
    this.size = size;
    this.#elements = 0;
    this.#scannedBytes = 0;
    this.#skipped = false;
  }

  /** Restarts at the first byte of an inflated data set. */
  startInflated(): void {
    this.reset(SCAN_LIMITS.inflatedBytes);
  }

  /** To be called with each window. Returns the position at which to continue. */
  enter(length: number, atEnd: boolean): number {
    // Look-ahead scans bytes again, so an inflated data set needs this limit as well.
    this.#scannedBytes += length;
    if (this.#scannedBytes > SCAN_LIMITS.scannedBytes) fail('header_too_large');
    if (atEnd) this.size = this.offset + length;
    // The window after a skip starts one byte early, which proves that the file reaches that far.
    const at = this.#skipped ? 1 : 0;
    this.#skipped = false;
    if (at > length) fail('truncated');
    return at;
  }

  countElement(): void {
    this.countElements(1);
  }

  countElements(count: number): void {
    this.#elements += count;
    if (this.#elements > SCAN_LIMITS.elements) fail('too_many_elements');
  }

  /** Requests `bytes` bytes from position `at` of this window. */
  pause(at: number, bytes: number): typeof MORE {
    return this.seek(this.offset + at, bytes);
  }

  /** Requests the bytes after an element that ends at position `at`, beyond this window. */
  skipTo(at: number): typeof MORE {
    this.#skipped = true;
    return this.pause(at - 1, 13);
  }

  /** Requests `bytes` bytes from byte `offset` of the file. */
  seek(offset: number, bytes: number): typeof MORE {
    this.offset = offset;
    this.wanted = bytes;
    return MORE;
  }
}
