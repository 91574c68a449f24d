/** Finds the storage root of a file by its path. */
import path from 'node:path';

/** The storage roots, by their position in the configuration. */
export class RootPaths {
  readonly #prefixes: readonly string[];

  /** Absolute paths, in the order of the configuration. */
  constructor(roots: readonly string[]) {
    this.#prefixes = roots.map((root) => (root.endsWith('/') ? root : `${root}/`));
  }

  /**
   * The index of the innermost root above a file. Undefined for a path that names no root, for example one that reaches a
   * root through a symbolic link.
   */
  indexOf(file: string): number | undefined {
    // Normalising costs more than the search, and few paths need it.
    const plain = file.includes('/.') || file.includes('//') ? path.normalize(file) : file;
    let innermost: number | undefined;
    let length = 0;
    for (let index = 0; index < this.#prefixes.length; index++) {
      const prefix = this.#prefixes[index] ?? '';
      if (prefix.length <= length || !plain.startsWith(prefix)) continue;
      innermost = index;
      length = prefix.length;
    }
    return innermost;
  }
}
