/**
 * Opens files under the allowed storage roots only.
 *
 * The directory of a path is resolved (realpath), must lie under a root, and is opened as a handle. The kernel is then
 * asked for the handle's actual path, which detects a link that was swapped in meanwhile. The file is opened by its bare
 * name in that handle (`/proc/self/fd/N/name`), never through a link (O_NOFOLLOW).
 *
 * A handle elsewhere doesn't prove that the path leads outside: an unmounted or moved directory is elsewhere, too. The path
 * is resolved again, and decides.
 *
 * Without /proc (not Linux) the directory is resolved again for each file, and once more after the file was opened.
 */
import fs from 'node:fs';
import path from 'node:path';
import { DicomReadError, systemCode } from '../../errors.ts';
import { DirectoryHandles, HAS_HANDLES, handleLink, type UsedHandle } from './directory-handles.ts';
import { isMissingNow, type OnProgress, type Reading, runSync, withoutStack } from './file-calls.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, O_DIRECTORY } = fs.constants;
// O_NONBLOCK: opening a FIFO returns at once; it is then refused because it isn't a regular file.
const FILE_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
// O_PATH (Linux): a handle that only names the directory; needs no permission to list it.
const O_PATH = 0x200000;
const DIRECTORY_FLAGS = O_PATH | O_DIRECTORY | O_NOFOLLOW;

/** A path that leads elsewhere each time it was checked is refused after this number of openings. */
const MOST_OPENINGS = 3;

/** A directory that is being opened. */
interface Opening {
  /** Other readings that wait for it. */
  readonly waiting: (() => void)[];
  error: unknown;
}

/** The allowed roots and the open directories below them. */
export class StorageRoots {
  readonly #configured: readonly string[];
  readonly #handles = new DirectoryHandles();
  readonly #openings = new Map<string, Opening>();
  /** The real path of each root, in the order of the configuration; undefined until it is known. */
  readonly #realPaths: (string | undefined)[];

  /** Absolute paths of directories. A root that doesn't exist (yet) holds no files. */
  constructor(roots: readonly string[]) {
    this.#configured = roots;
    this.#realPaths = roots.map(() => undefined);
  }

  /** Opens a regular file for reading and returns the descriptor. Throws DicomReadError and file system errors. */
  *open(file: string): Reading<number> {
    const slash = file.lastIndexOf('/');
    const directory = slash > 0 ? file.slice(0, slash) : '/';
    const name = file.slice(slash + 1);
    if (!path.isAbsolute(file) || file.includes('\0')) throw new DicomReadError('outside_storage_roots');
    // '.' and '..' are directories, and '..' would leave the handle's directory.
    if (!isFileName(file, slash + 1)) throw new DicomReadError('not_a_regular_file');
    const handle = this.#handles.use(directory);
    try {
      if (handle === undefined) return yield* this.#openIn(directory, name);
      return (yield { call: 'open', path: `${handle.prefix}${name}`, flags: FILE_FLAGS }) as number;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT' && handle !== undefined) {
        // The directory may have been replaced since it was opened: only its path says that the file is missing. A new handle costs more.
        if (((yield { call: 'missing', path: file }) as number) === 1) throw error;
        return yield* this.#openIn(directory, name);
      }
      if (code !== 'ELOOP') throw error;
    } finally {
      handle?.release();
    }
    // The file itself is a link: followed once, if its target lies under the roots.
    const target = (yield { call: 'realpath', path: file }) as string;
    return yield* this.#openIn(path.dirname(target), path.basename(target));
  }

  /** `open` with blocking calls: usually a single one, since the directory's handle is cached. */
  openNow(file: string, onProgress: OnProgress): number {
    const slash = file.lastIndexOf('/');
    const isPlain = slash > 0 && isFileName(file, slash + 1);
    const prefix = isPlain ? this.#handles.prefixOf(file.slice(0, slash)) : undefined;
    if (prefix !== undefined) {
      try {
        return withoutStack(() => fs.openSync(`${prefix}${file.slice(slash + 1)}`, FILE_FLAGS));
      } catch (error) {
        if (systemCode(error) === 'ENOENT' && isMissingNow(file)) throw error;
        // `open` handles every other failure.
      } finally {
        onProgress();
      }
    }
    return runSync(this.open(file), onProgress);
  }

  /** Closes old directory handles. Call it regularly. */
  releaseIdle(now?: number): void {
    this.#handles.dropOld(now);
  }

  close(): void {
    this.#handles.close();
  }

  *#openIn(directory: string, name: string): Reading<number> {
    if (!HAS_HANDLES) return yield* this.#openByPath(directory, name);
    const handle = yield* this.#newHandle(directory);
    try {
      return (yield { call: 'open', path: `${handle.prefix}${name}`, flags: FILE_FLAGS }) as number;
    } finally {
      handle.release();
    }
  }

  /** Opens a directory. Concurrent readings of its files share one opening, and its failure. */
  *#newHandle(directory: string): Reading<UsedHandle> {
    const other = this.#openings.get(directory);
    if (other !== undefined) {
      yield { call: 'wait', until: (resume) => other.waiting.push(resume) };
      if (other.error !== undefined) throw other.error;
      const handle = this.#handles.use(directory);
      if (handle !== undefined) return handle;
    }
    const opening: Opening = { waiting: [], error: undefined };
    this.#openings.set(directory, opening);
    try {
      return this.#handles.add(directory, yield* this.#openDirectory(directory));
    } catch (error) {
      opening.error = error;
      throw error;
    } finally {
      if (this.#openings.get(directory) === opening) this.#openings.delete(directory);
      for (const resume of opening.waiting) resume();
    }
  }

  *#openDirectory(directory: string): Reading<number> {
    for (let openings = 0; openings < MOST_OPENINGS; openings++) {
      const real = yield* this.#resolve(directory);
      const descriptor = (yield { call: 'open', path: real, flags: DIRECTORY_FLAGS }) as number;
      let isKept = false;
      try {
        const location = (yield { call: 'readlink', path: handleLink(descriptor) }) as string;
        isKept = isUnder(this.#resolved, location);
        if (isKept) return descriptor;
      } finally {
        if (!isKept) fs.closeSync(descriptor);
      }
    }
    throw new DicomReadError('outside_storage_roots');
  }

  *#openByPath(directory: string, name: string): Reading<number> {
    for (let openings = 0; openings < MOST_OPENINGS; openings++) {
      const real = yield* this.#resolve(directory);
      const descriptor = (yield { call: 'open', path: path.join(real, name), flags: FILE_FLAGS }) as number;
      let isKept = false;
      try {
        isKept = ((yield { call: 'realpath', path: real }) as string) === real;
        if (isKept) return descriptor;
      } finally {
        if (!isKept) yield { call: 'close', descriptor };
      }
    }
    throw new DicomReadError('outside_storage_roots');
  }

  /** The real path of a directory, which must lie under a root. */
  *#resolve(directory: string): Reading<string> {
    const named = path.resolve(directory);
    const own = this.#configured.flatMap((root, index) => (isUnder([path.resolve(root)], named) ? [index] : []));
    // Only the roots that the path names: another one may not answer.
    const needed = own.length === 0 ? [...this.#configured.keys()] : own;
    for (const index of needed) if (this.#realPaths[index] === undefined) yield* this.#resolveRoot(index);
    let real: string;
    try {
      real = (yield { call: 'realpath', path: directory }) as string;
    } catch (error) {
      // Only a file that could appear under a root counts as missing, and is waited for.
      if (systemCode(error) !== undefined && (yield* this.#leadsOutside(directory))) {
        yield* this.#resolveRoots();
        if (yield* this.#leadsOutside(directory)) throw new DicomReadError('outside_storage_roots');
      }
      throw error;
    }
    if (isUnder(this.#resolved, real)) return real;
    // It is under another root, or a root is a link that leads to another directory now.
    const missing = yield* this.#resolveRoots();
    if (isUnder(this.#resolved, real)) return real;
    throw new DicomReadError(own.some((index) => missing.has(index)) ? 'file_missing' : 'outside_storage_roots');
  }

  /**
   * Whether a directory that can't be resolved would lie outside the roots, judged by the part of its path that exists.
   */
  *#leadsOutside(directory: string): Reading<boolean> {
    const roots = [...this.#configured.map((root) => path.resolve(root)), ...this.#resolved];
    const wanted = path.resolve(directory);
    for (let existing = wanted; existing !== '/'; ) {
      existing = path.dirname(existing);
      try {
        const real = (yield { call: 'realpath', path: existing }) as string;
        return !isUnder(roots, path.join(real, wanted.slice(existing.length)));
      } catch (error) {
        if (systemCode(error) === undefined) throw error;
      }
    }
    return !isUnder(roots, wanted);
  }

  get #resolved(): readonly string[] {
    return this.#realPaths.filter((real) => real !== undefined);
  }

  /** Returns the roots that don't exist now. */
  *#resolveRoots(): Reading<ReadonlySet<number>> {
    const missing = new Set<number>();
    for (const index of this.#configured.keys()) if (!(yield* this.#resolveRoot(index))) missing.add(index);
    return missing;
  }

  /** Returns whether the root exists. If not, its earlier path remains for readings in progress. */
  *#resolveRoot(index: number): Reading<boolean> {
    try {
      this.#realPaths[index] = (yield { call: 'realpath', path: this.#configured[index] ?? '' }) as string;
      return true;
    } catch (error) {
      // Not mounted yet. Retried for the next directory.
      if (systemCode(error) === undefined) throw error;
      return false;
    }
  }
}

/** Whether the rest of `file` from `start` names an entry of a directory other than `.` and `..`. */
function isFileName(file: string, start: number): boolean {
  const length = file.length - start;
  if (length > 2 || length === 0) return length > 0;
  return file.slice(start) !== '.' && file.slice(start) !== '..';
}

function isUnder(roots: readonly string[], real: string): boolean {
  return roots.some((root) => real === root || real.startsWith(root.endsWith('/') ? root : `${root}/`));
}
