/** One file's header: what a lane of the reader works with, again and again, so that a file costs no allocation of its own. */
import fs from 'node:fs';
import { DicomReadError } from '../errors.ts';
import { NOT_REGULAR, type OnProgress, type Reading, runSync, sizeOf } from './file-calls.ts';
import { DicomHeader } from './header.ts';
import { DEFAULT_WINDOWS, NEXT_WINDOW, scanFile, type WindowSizes } from './read-file.ts';
import { HeaderScanner } from './scan.ts';

export const NOT_KNOWN = -1;

/** What is made of the values while the file is still open. What it throws is the reading's error. */
export type UseHeader = (header: DicomHeader) => void;

const USE_LATER: UseHeader = () => {};

/**
 * The size is asked for only where it matters: by what the first window doesn't answer, and by what fails. Most files cost three calls so. It
 * also tells what is no regular file; a device that answers as a DICOM file does is read as one, and shows nothing that a file couldn't.
 */
export class FileHeader {
  readonly #scanner = new HeaderScanner();
  readonly #sizes: WindowSizes;
  readonly #window: Buffer;
  readonly header = new DicomHeader(this.#scanner);
  /** Bytes of the file that was read last, where its reading failed; else mostly `NOT_KNOWN`, as where it could not even be opened. */
  size = NOT_KNOWN;

  /** `sizes` in bytes; `window` is the memory to read into, for those who want to look at it. */
  constructor(sizes: WindowSizes = DEFAULT_WINDOWS, window: Buffer = allocateWindow(sizes)) {
    this.#sizes = sizes;
    this.#window = window;
  }

  /**
   * `read` on this thread, of an open file, which it closes. Where the first window is enough, as it mostly is, it makes the calls itself:
   * the steps of a generator would cost as much as one of them.
   */
  readNow(descriptor: number, onProgress: OnProgress, use = USE_LATER): void {
    this.size = NOT_KNOWN;
    const takeSize = (): void => {
      this.size = regular(sizeOf(fs.fstatSync(descriptor)));
      onProgress();
    };
    try {
      const filled = fs.readSync(descriptor, this.#window, 0, this.#sizes.first, 0);
      onProgress();
      if (!this.#scanFirst(filled)) {
        takeSize();
        runSync(this.#scanRest(descriptor, filled), onProgress);
      }
      this.header.refresh();
      use(this.header);
    } catch (error) {
      if (this.size === NOT_KNOWN) takeSize();
      throw error;
    } finally {
      fs.closeSync(descriptor);
      onProgress();
    }
  }

  /** Reads the file that `opening` opens; afterwards `header` holds its values. */
  *read(opening: Reading<number>, use = USE_LATER): Reading<void> {
    this.size = NOT_KNOWN;
    const descriptor = yield* opening;
    try {
      const length = this.#sizes.first;
      const filled = (yield { call: 'read', descriptor, window: this.#window, length, offset: 0 }) as number;
      if (!this.#scanFirst(filled)) {
        this.size = regular((yield { call: 'size', descriptor }) as number);
        yield* this.#scanRest(descriptor, filled);
      }
      this.header.refresh();
      use(this.header);
    } catch (error) {
      if (this.size === NOT_KNOWN) this.size = regular((yield { call: 'size', descriptor }) as number);
      throw error;
    } finally {
      yield { call: 'close', descriptor };
    }
  }

  /** Whether the first window, of which so many bytes are filled, holds all that is wanted. */
  #scanFirst(filled: number): boolean {
    this.#scanner.reset();
    return this.#scanner.scan(this.#window, filled, false) && !this.#scanner.deflated;
  }

  #scanRest(descriptor: number, filled: number): Reading<void> {
    return scanFile(descriptor, this.size, this.#scanner, this.#window, this.#sizes, filled);
  }
}

function regular(size: number): number {
  if (size === NOT_REGULAR) throw new DicomReadError('not_a_regular_file');
  return size;
}

/** Not from Node's shared pool: nothing else may come to lie in it. */
export function allocateWindow(sizes: WindowSizes = DEFAULT_WINDOWS): Buffer {
  return Buffer.allocUnsafeSlow(Math.max(sizes.first, sizes.next, NEXT_WINDOW));
}
