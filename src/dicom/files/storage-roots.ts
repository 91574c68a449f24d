/**
 * Opens files under the allowed storage roots, and nothing else.
 *
 * A path is looked up in two parts. Its directory is resolved (realpath), must lie under a root, and is opened as a handle; the kernel is then
 * asked where the handle really is, so that a link swapped in between is found out. The file is opened by its bare name *in that
 * handle* (`/proc/self/fd/N/name`) and never through a link (O_NOFOLLOW).
 *
 * That is why a handle may be kept for the next files of its directory: it is the directory itself, not a path to it. Whatever is renamed or
 * linked afterwards, a name in the handle is a file that stands in a directory which stood under a root. Handles are dropped after
 * some seconds all the same, so that a replaced directory is seen and an unmount isn't held up.
 *
 * Without /proc (not Linux) there are no such handles: the directory is resolved anew for each file, and once more after the opening.
 */
import fs from 'node:fs';
import path from 'node:path';
import { DicomReadError } from '../../errors.ts';
import { type OnProgress, type Reading, runSync } from './file-calls.ts';
import { systemCode } from './file-error.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, O_DIRECTORY } = fs.constants;
// O_NONBLOCK: the opening of a FIFO returns at once, and is then refused as no regular file.
const FILE_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
// O_PATH (Linux): a handle that only names the directory; needs no right to list it.
const O_PATH = 0x200000;
const DIRECTORY_FLAGS = O_PATH | O_DIRECTORY | O_NOFOLLOW;
const HANDLES = '/proc/self/fd';
// The same without the link `self`, which costs a lookup more; unless this /proc knows us by another number.
const OWN_HANDLES = ownNumber() === String(process.pid) ? `/proc/${process.pid}/fd` : HANDLES;
const HAS_HANDLES = process.platform === 'linux' && fs.existsSync(HANDLES);

const MAX_KEPT = 64;
const KEPT_MS = 5_000;

interface Directory {
  readonly descriptor: number;
  /** What a name in it is put behind to be opened. */
  readonly prefix: string;
  readonly openedAt: number;
  /** Openings in it that are under way: its descriptor's number must not be reused before they are done. */
  users: number;
  dropped: boolean;
}

export class StorageRoots {
  readonly #configured: readonly string[];
  readonly #directories = new Map<string, Directory>();
  #roots: readonly string[] | undefined;

  /** Absolute paths of directories. A root that doesn't exist (yet) holds no files. */
  constructor(roots: readonly string[]) {
    this.#configured = roots;
  }

  /** Opens a regular file's path for reading and returns the descriptor. Throws DicomReadError and file system errors. */
  *open(file: string): Reading<number> {
    const slash = file.lastIndexOf('/');
    const directoryPath = slash > 0 ? file.slice(0, slash) : '/';
    const name = file.slice(slash + 1);
    if (!path.isAbsolute(file) || file.includes('\0')) throw new DicomReadError('outside_storage_roots');
    // They name directories, and `..` would climb out of the handle.
    if (!isName(name, 0)) throw new DicomReadError('not_a_regular_file');
    const kept = this.#kept(directoryPath);
    try {
      if (kept === undefined) return yield* this.#openIn(directoryPath, name);
      kept.users++;
      return (yield { call: 'open', path: `${kept.prefix}${name}`, flags: FILE_FLAGS }) as number;
    } catch (error) {
      const code = systemCode(error);
      // The directory may have been replaced since: only a new handle can say that the file is missing.
      if (code === 'ENOENT' && kept !== undefined) return yield* this.#openIn(directoryPath, name);
      if (code !== 'ELOOP') throw error;
    } finally {
      if (kept !== undefined) release(kept);
    }
    // The last place is a link: followed once, if what it stands for lies under the roots.
    const target = (yield { call: 'realpath', path: file }) as string;
    return yield* this.#openIn(path.dirname(target), path.basename(target));
  }

  /** `open` on this thread; where the directory's handle is kept, as it mostly is, in one call. */
  openNow(file: string, onProgress: OnProgress): number {
    const slash = file.lastIndexOf('/');
    const kept = slash > 0 && isName(file, slash + 1) ? this.#kept(file.slice(0, slash)) : undefined;
    if (kept !== undefined) {
      try {
        return fs.openSync(`${kept.prefix}${file.slice(slash + 1)}`, FILE_FLAGS);
      } catch {
        // `open` says what is to be done about it.
      } finally {
        onProgress();
      }
    }
    return runSync(this.open(file), onProgress);
  }

  /** Drops the directory handles that are older than some seconds; to be called now and then. Closing a handle touches no storage. */
  releaseIdle(now: number = performance.now()): void {
    for (const [name, directory] of this.#directories) {
      if (now - directory.openedAt > KEPT_MS) this.#drop(name, directory);
    }
  }

  close(): void {
    for (const [name, directory] of this.#directories) this.#drop(name, directory);
  }

  *#openIn(directoryPath: string, name: string): Reading<number> {
    if (!HAS_HANDLES) return yield* this.#openByPath(directoryPath, name);
    const descriptor = yield* this.#openDirectory(directoryPath);
    const directory = this.#keep(directoryPath, descriptor);
    directory.users++;
    try {
      return (yield { call: 'open', path: `${directory.prefix}${name}`, flags: FILE_FLAGS }) as number;
    } finally {
      release(directory);
    }
  }

  *#openDirectory(directoryPath: string): Reading<number> {
    const real = yield* this.#resolve(directoryPath);
    const descriptor = (yield { call: 'open', path: real, flags: DIRECTORY_FLAGS }) as number;
    let where: string;
    try {
      where = (yield { call: 'readlink', path: `${HANDLES}/${descriptor}` }) as string;
    } catch (error) {
      fs.closeSync(descriptor);
      throw error;
    }
    if (isUnder(this.#roots ?? [], where)) return descriptor;
    fs.closeSync(descriptor);
    throw new DicomReadError('outside_storage_roots');
  }

  *#openByPath(directoryPath: string, name: string): Reading<number> {
    const real = yield* this.#resolve(directoryPath);
    const descriptor = (yield { call: 'open', path: path.join(real, name), flags: FILE_FLAGS }) as number;
    const again = (yield { call: 'realpath', path: real }) as string;
    if (again === real) return descriptor;
    yield { call: 'close', descriptor };
    throw new DicomReadError('outside_storage_roots');
  }

  /** The real path of a directory that lies under a root. */
  *#resolve(directoryPath: string): Reading<string> {
    if (this.#roots === undefined || this.#roots.length < this.#configured.length) yield* this.#resolveRoots();
    let real: string;
    try {
      real = (yield { call: 'realpath', path: directoryPath }) as string;
    } catch (error) {
      // Only what may come to exist under a root is worth waiting for.
      if (systemCode(error) !== undefined && (yield* this.#leadsOutside(directoryPath)))
        throw new DicomReadError('outside_storage_roots');
      throw error;
    }
    if (!isUnder(this.#roots ?? [], real)) throw new DicomReadError('outside_storage_roots');
    return real;
  }

  /** Whether a directory that can't be resolved would lie outside the roots if it existed: told by the part of its path that does exist. */
  *#leadsOutside(directoryPath: string): Reading<boolean> {
    const roots = [...this.#configured.map((root) => path.resolve(root)), ...(this.#roots ?? [])];
    const wanted = path.resolve(directoryPath);
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

  *#resolveRoots(): Reading<void> {
    const roots: string[] = [];
    for (const root of this.#configured) {
      try {
        roots.push((yield { call: 'realpath', path: root }) as string);
      } catch (error) {
        // Not mounted yet: it is looked for again with the next directory.
        if (systemCode(error) === undefined) throw error;
      }
    }
    this.#roots = roots;
  }

  #kept(directoryPath: string): Directory | undefined {
    const directory = this.#directories.get(directoryPath);
    if (directory === undefined || performance.now() - directory.openedAt <= KEPT_MS) return directory;
    this.#drop(directoryPath, directory);
    return undefined;
  }

  #keep(directoryPath: string, descriptor: number): Directory {
    const former = this.#directories.get(directoryPath);
    if (former !== undefined) this.#drop(directoryPath, former);
    if (this.#directories.size >= MAX_KEPT) {
      for (const [oldest, directory] of this.#directories) {
        this.#drop(oldest, directory);
        break;
      }
    }
    const prefix = `${OWN_HANDLES}/${descriptor}/`;
    const directory = { descriptor, prefix, openedAt: performance.now(), users: 0, dropped: false };
    this.#directories.set(directoryPath, directory);
    return directory;
  }

  #drop(directoryPath: string, directory: Directory): void {
    this.#directories.delete(directoryPath);
    directory.dropped = true;
    closeUnused(directory);
  }
}

/** Whether what stands from `start` on names something in a directory, and nothing above it. */
function isName(file: string, start: number): boolean {
  const length = file.length - start;
  if (length > 2 || length === 0) return length > 0;
  return file.slice(start) !== '.' && file.slice(start) !== '..';
}

function release(directory: Directory): void {
  directory.users--;
  closeUnused(directory);
}

function closeUnused(directory: Directory): void {
  if (directory.dropped && directory.users === 0) fs.closeSync(directory.descriptor);
}

function ownNumber(): string | undefined {
  try {
    return fs.readlinkSync('/proc/self');
  } catch {
    return undefined;
  }
}

function isUnder(roots: readonly string[], real: string): boolean {
  return roots.some((root) => real === root || real.startsWith(root.endsWith('/') ? root : `${root}/`));
}
