/** One file's header: what a lane of the reader works with, again and again, so that a file costs no allocation of its own. */
import type { Reading } from './file-calls.ts';
import { DicomHeader } from './header.ts';
import { FIRST_WINDOW, NEXT_WINDOW, scanFile, type WindowSizes } from './read-file.ts';
import { HeaderScanner } from './scan.ts';

export class FileHeader {
  readonly #scanner = new HeaderScanner();
  readonly #sizes: WindowSizes;
  // Not from Node's shared pool: nothing else may come to lie in the window.
  readonly #window: Buffer;
  readonly header = new DicomHeader(this.#scanner);

  constructor(sizes: WindowSizes = { first: FIRST_WINDOW, next: NEXT_WINDOW }) {
    this.#sizes = sizes;
    this.#window = Buffer.allocUnsafeSlow(Math.max(sizes.first, sizes.next, NEXT_WINDOW));
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
