/** The scanner's place in the file, and what it asks for next. */
import { DicomReadError, type DicomReadErrorCode } from '../../errors.ts';
import { SCAN_LIMITS } from './limits.ts';

/** Returned instead of a position when the window does not reach far enough: `offset` and `wanted` then say what is needed. */
export const MORE = -1;

const PREFIX_BYTES = 132;

export function fail(code: DicomReadErrorCode): never {
  throw new DicomReadError(code);
}

export class Cursor {
  /** Where the window starts, */
  offset = 0;
  /** and how many bytes the next one must hold at least, unless the file ends before. */
  wanted = PREFIX_BYTES;
  /** Size of what is scanned, in bytes. Of an inflated data set it is known only at its end. */
  size = Number.POSITIVE_INFINITY;
  #elements = 0;
  #scannedBytes = 0;
  #skipped = false;

  /** Forgets the last file. */
  reset(size: number): void {
    this.offset = 0;
    this.wanted = PREFIX_BYTES;
    this.size = size;
    this.#elements = 0;
    this.#scannedBytes = 0;
    this.#skipped = false;
  }

  /** Starts over at the first byte of an inflated data set. */
  startInflated(): void {
    this.reset(SCAN_LIMITS.inflatedBytes);
  }

  /** To be called with each window. Returns where to go on in it. */
  enter(length: number, atEnd: boolean, countsBytes: boolean): number {
    if (countsBytes) this.#scannedBytes += length;
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

  /** Asks for `bytes` bytes from position `at` of this window on. */
  pause(at: number, bytes: number): typeof MORE {
    return this.seek(this.offset + at, bytes);
  }

  /** Asks for the bytes behind an element that ends at position `at`, beyond this window. */
  skipTo(at: number): typeof MORE {
    this.#skipped = true;
    return this.pause(at - 1, 13);
  }

  /** Asks for `bytes` bytes from byte `offset` of the file on. */
  seek(offset: number, bytes: number): typeof MORE {
    this.offset = offset;
    this.wanted = bytes;
    return MORE;
  }
}
