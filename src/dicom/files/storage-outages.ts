/** The state of every storage root, from regular checks of the root itself and from the attempts to read its files. */
import { type FileToRead, Origin } from '../../records/records.ts';
import { type OutageLimits, type Outcome, RootOutcomes } from './root-outcomes.ts';
import { RootPaths } from './root-paths.ts';
import { type RootProbe, StorageRootWatch } from './storage-root-watch.ts';

/** The roots, and when they count as lost. */
export interface StorageOutagesOptions {
  /** Absolute paths, in the order of the configuration. */
  readonly roots: readonly string[];
  readonly limits: OutageLimits;
  /**
   * Called after the first check of each root and after every change, with its index and the reason why it can't be used:
   * a bare system code, `not_mounted` or `files_missing`; undefined when it can.
   */
  readonly onChange: (index: number, code: string | undefined) => void;
  /** The number of roots whose checks may be pending at the same time. Each pending check occupies a thread of libuv's pool [2]. */
  readonly maxPendingChecks?: number;
  readonly probe?: RootProbe;
  /** Pause between two rounds of checks, in milliseconds [2000]. */
  readonly intervalMs?: number;
  /** The clock in milliseconds [performance.now]. */
  readonly now?: () => number;
}

/** Attempts per second and unusable root with files that were tried before. New files are always tried. */
const RETRIES_PER_SECOND = 32;
const SECOND_MS = 1_000;
/** The reason of a root that doesn't answer: every attempt to open a file there blocks a thread. */
const NO_ANSWER = 'ETIMEDOUT';

/** A file, and the record that names it. Attempts with the same record, or else the same object, concern the same file. */
type AttemptedFile = Pick<FileToRead, 'path' | 'source'>;

/** Starts to check the roots. */
export class StorageOutages {
  readonly #paths: RootPaths;
  readonly #outcomes: readonly RootOutcomes[];
  readonly #watch: StorageRootWatch;
  readonly #onChange: StorageOutagesOptions['onChange'];
  readonly #now: () => number;
  readonly #codes: (string | undefined)[];
  readonly #retries: { since: number; left: number }[];
  readonly #timer: NodeJS.Timeout;

  constructor(options: StorageOutagesOptions) {
    const { roots, limits, onChange, maxPendingChecks, probe, intervalMs, now = () => performance.now() } = options;
    this.#paths = new RootPaths(roots);
    this.#outcomes = roots.map(() => new RootOutcomes(limits, now));
    this.#codes = roots.map(() => undefined);
    this.#retries = roots.map(() => ({ since: Number.NEGATIVE_INFINITY, left: 0 }));
    this.#onChange = onChange;
    this.#now = now;
    this.#watch = new StorageRootWatch({
      roots,
      onChange: (index) => this.#report(index, true),
      ...(maxPendingChecks === undefined ? {} : { maxPending: maxPendingChecks }),
      ...(probe === undefined ? {} : { probe }),
      ...(intervalMs === undefined ? {} : { intervalMs }),
    });
    this.#timer = setInterval(() => this.update(), SECOND_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watch.close();
  }

  /** Whether any root can't be used. */
  get any(): boolean {
    return this.#codes.some((code) => code !== undefined);
  }

  /**
   * Whether a file can't be read because of its root. For a path that names no root, all roots must be unusable.
   */
  isUnusable(file: string): boolean {
    const index = this.#paths.indexOf(file);
    return index === undefined ? this.#codes.every((code) => code !== undefined) : this.#codes[index] !== undefined;
  }

  /**
   * Checks the root of a file. Resolves to whether a fault that was found in the file is its own: the root can be used, and no
   * check since `since` (`performance.now()`, before the file was opened) found that it can't. True for a path that names no
   * root.
   */
  async wasUsable(file: string, since: number): Promise<boolean> {
    const index = this.#paths.indexOf(file);
    return index === undefined || (await this.#watch.usableSince(index, since));
  }

  /**
   * Whether to try to read a file now. Below an unusable root only new files are tried, and some of those that failed
   * before: enough to notice the end of the outage.
   */
  mayTry(file: AttemptedFile): boolean {
    const index = this.#paths.indexOf(file.path);
    if (index === undefined || this.#codes[index] === undefined) return true;
    if (this.#codes[index] === NO_ANSWER) return false;
    if (this.#outcomes[index]?.hasTried(keyOf(file)) !== true) return true;
    return this.#takeRetry(index);
  }

  /** Records an attempt. `code` is the system's error code, if the storage failed. */
  add(file: AttemptedFile, outcome: Outcome, code?: string): void {
    const index = this.#paths.indexOf(file.path);
    if (index === undefined) return;
    this.#outcomes[index]?.add(keyOf(file), outcome, code);
    if (outcome !== 'found') this.#watch.checkSoon(index);
  }

  /** Updates the state of all roots from the recorded attempts. */
  update(): void {
    this.#outcomes.forEach((outcomes, index) => {
      outcomes.update();
      this.#report(index, false);
    });
  }

  #takeRetry(index: number): boolean {
    const retries = this.#retries[index];
    if (retries === undefined) return false;
    const now = this.#now();
    if (now - retries.since >= SECOND_MS) {
      retries.since = now;
      retries.left = RETRIES_PER_SECOND;
    }
    return retries.left-- > 0;
  }

  /** `checked`: the root itself was checked, for the first time or with another result. */
  #report(index: number, checked: boolean): void {
    const code = this.#watch.codeOf(index) ?? this.#outcomes[index]?.lost;
    const changed = code !== this.#codes[index];
    this.#codes[index] = code;
    if (changed || (checked && code === undefined)) this.#onChange(index, code);
  }
}

/** A record that waits is copied: the copy has the same origin. */
function keyOf(file: AttemptedFile): object {
  const { source } = file;
  if (source !== undefined && 'origin' in source && source.origin instanceof Origin) return source.origin;
  return source ?? file;
}
