/** One file's header: what a lane of the reader works with, again and again, so that a file costs no allocation of its own. */
import type { Reading } from './file-calls.ts';
import { DicomHeader } from './header.ts';
import { DEFAULT_WINDOWS, NEXT_WINDOW, scanFile, type WindowSizes } from './read-file.ts';
import { HeaderScanner } from './scan.ts';

export class FileHeader {
  readonly #scanner = new HeaderScanner();
  readonly #sizes: WindowSizes;
  readonly #window: Buffer;
  readonly header = new DicomHeader(this.#scanner);

  /** `sizes` in bytes; `window` is the memory to read into, for those who want to look at it. */
  constructor(sizes: WindowSizes = DEFAULT_WINDOWS, window: Buffer = allocateWindow(sizes)) {
    this.#sizes = sizes;
    this.#window = window;
  }

  /** Reads the file that `opening` opens; afterwards `header` holds its values. Returns the file's size in bytes. */
  *read(opening: Reading<number>): Reading<number> {
    const descriptor = yield* opening;
    let size: number;
    try {
      size = yield* scanFile(descriptor, this.#scanner, this.#window, this.#sizes);
    } finally {
      yield { call: 'close', descriptor };
    }
    this.header.refresh();
    return size;
  }
}

/** Not from Node's shared pool: nothing else may come to lie in it. */
export function allocateWindow(sizes: WindowSizes = DEFAULT_WINDOWS): Buffer {
  return Buffer.allocUnsafeSlow(Math.max(sizes.first, sizes.next, NEXT_WINDOW));
}
