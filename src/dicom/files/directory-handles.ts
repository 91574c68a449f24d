/**
 * Open handles of recently read directories. A handle refers to the directory itself, not to a path: whatever is renamed
 * or linked later, a name opened through the handle is a file of the directory that was checked. Handles are closed after
 * some seconds, so that a replaced directory is noticed and an unmount isn't blocked.
 */
import fs from 'node:fs';

const HANDLES = '/proc/self/fd';
/** Handles need /proc (Linux). Elsewhere files are opened by path. */
export const HAS_HANDLES = process.platform === 'linux' && fs.existsSync(HANDLES);
// Saves the lookup of the link `self`, unless this /proc belongs to another PID namespace.
const OWN_HANDLES = ownPid() === String(process.pid) ? `/proc/${process.pid}/fd` : HANDLES;

const MAX_KEPT = 256;
const KEPT_MS = 5_000;

interface Handle {
  readonly descriptor: number;
  readonly openedAt: number;
  /** Calls that are using the descriptor. Its number must not be reused before they have finished. */
  users: number;
  dropped: boolean;
}

/** A handle that a caller is using; `release` must be called once. */
export interface UsedHandle {
  /** Path of a file in the directory: this, followed by its name. */
  readonly prefix: string;
  release(): void;
}

/** The link whose target is the current path of a handle's directory. */
export function handleLink(descriptor: number): string {
  return `${HANDLES}/${descriptor}`;
}

/** A cache of handles by the paths under which they were opened. */
export class DirectoryHandles {
  readonly #handles = new Map<string, Handle>();

  /** The handle of a directory that was recently opened under this path. */
  use(directory: string): UsedHandle | undefined {
    const handle = this.#recent(directory);
    return handle === undefined ? undefined : used(handle);
  }

  /** Like `use`, for a single synchronous call, which needs no release: only the prefix. */
  prefixOf(directory: string): string | undefined {
    const handle = this.#recent(directory);
    return handle === undefined ? undefined : prefix(handle);
  }

  /** Keeps an open descriptor, and closes it when it is dropped. */
  add(directory: string, descriptor: number): UsedHandle {
    this.#drop(directory);
    // Drops the least recently opened one: a Map iterates in insertion order.
    if (this.#handles.size >= MAX_KEPT) this.#drop(this.#handles.keys().next().value ?? '');
    const handle: Handle = { descriptor, openedAt: performance.now(), users: 0, dropped: false };
    this.#handles.set(directory, handle);
    return used(handle);
  }

  /** Drops handles older than some seconds. Closing a handle makes no call to the storage. */
  dropOld(now: number = performance.now()): void {
    for (const [directory, { openedAt }] of this.#handles) if (now - openedAt > KEPT_MS) this.#drop(directory);
  }

  close(): void {
    for (const directory of this.#handles.keys()) this.#drop(directory);
  }

  #recent(directory: string): Handle | undefined {
    const handle = this.#handles.get(directory);
    if (handle === undefined || performance.now() - handle.openedAt <= KEPT_MS) return handle;
    this.#drop(directory);
    return undefined;
  }

  #drop(directory: string): void {
    const handle = this.#handles.get(directory);
    if (handle === undefined) return;
    this.#handles.delete(directory);
    handle.dropped = true;
    closeUnused(handle);
  }
}

function used(handle: Handle): UsedHandle {
  handle.users++;
  return {
    prefix: prefix(handle),
    release() {
      handle.users--;
      closeUnused(handle);
    },
  };
}

function prefix({ descriptor }: Handle): string {
  return `${OWN_HANDLES}/${descriptor}/`;
}

function closeUnused({ dropped, users, descriptor }: Handle): void {
  if (dropped && users === 0) fs.closeSync(descriptor);
}

function ownPid(): string | undefined {
  try {
    return fs.readlinkSync('/proc/self');
  } catch {
    return undefined;
  }
}
