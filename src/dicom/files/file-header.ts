/**
 * Reads the header of one file at a time. The scanner and the buffer are reused, so that a file needs no allocations.
 */
import fs from 'node:fs';
import { DicomReadError } from '../../errors.ts';
import { HeaderScanner } from '../bytes/scan.ts';
import { DicomHeader } from '../rows/header.ts';
import { NOT_REGULAR, type OnProgress, type Reading, runSync, sizeOf } from './file-calls.ts';
import { DEFAULT_WINDOWS, NEXT_WINDOW, scanFile, type WindowSizes } from './read-file.ts';

/** The size of a file that could not be opened. */
export const NOT_KNOWN = -1;

/** The header of the file that was read last. */
export class FileHeader {
  readonly #scanner = new HeaderScanner();
  readonly #sizes: WindowSizes;
  readonly #window: Buffer;
  readonly header = new DicomHeader(this.#scanner);
  /** Size in bytes of the last file; `NOT_KNOWN` if it could not be opened. */
  size = NOT_KNOWN;

  /** `sizes` in bytes; `window` is the buffer to read into, for tests that inspect it. */
  constructor(sizes: WindowSizes = DEFAULT_WINDOWS, window: Buffer = allocateWindow(sizes)) {
    this.#sizes = sizes;
    this.#window = window;
  }

  /**
   * Reads an open file with blocking calls, and closes it. If the first window is enough, as usual, no generator is used:
   * its steps would cost as much as one of the calls.
   */
  readNow(descriptor: number, onProgress: OnProgress): void {
    this.size = NOT_KNOWN;
    try {
      const size = sizeOf(fs.fstatSync(descriptor));
      onProgress();
      if (size === NOT_REGULAR) throw new DicomReadError('not_a_regular_file');
      this.size = size;
      const length = Math.min(this.#sizes.first, size);
      const filled = fs.readSync(descriptor, this.#window, 0, length, 0);
      onProgress();
      this.#scanner.reset(size);
      const enough = filled === length && filled > 0 && this.#scanner.scan(this.#window, filled, filled >= size);
      if (!enough || this.#scanner.deflated) {
        const scanned = filled === length ? filled : 0;
        runSync(scanFile(descriptor, size, this.#scanner, this.#window, this.#sizes, scanned), onProgress);
      }
    } finally {
      fs.closeSync(descriptor);
      onProgress();
    }
    this.header.refresh();
  }

  /** Reads the file that `opening` opens. Afterwards `header` has its values. */
  *read(opening: Reading<number>): Reading<void> {
    this.size = NOT_KNOWN;
    const descriptor = yield* opening;
    try {
      const size = (yield { call: 'size', descriptor }) as number;
      if (size === NOT_REGULAR) throw new DicomReadError('not_a_regular_file');
      this.size = size;
      yield* scanFile(descriptor, size, this.#scanner, this.#window, this.#sizes);
    } finally {
      yield { call: 'close', descriptor };
    }
    this.header.refresh();
  }
}

/** Allocates a window outside Node's shared pool, so that no other data is in its memory. */
export function allocateWindow(sizes: WindowSizes = DEFAULT_WINDOWS): Buffer {
  return Buffer.allocUnsafeSlow(Math.max(sizes.first, sizes.next, NEXT_WINDOW));
}
