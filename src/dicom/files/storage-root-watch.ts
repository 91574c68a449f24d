/** Checks at start and then every few seconds which storage roots can be used. */
import { stat } from 'node:fs/promises';
import { systemCode } from '../../errors.ts';
import { MountMemory } from './mount-points.ts';

/**
 * Resolves to undefined when the root can be used, else to the reason: a bare system code (`ENOENT`, `ENOTDIR`,
 * `ESTALE`) or `not_mounted`.
 */
export type RootProbe = (root: string) => Promise<string | undefined>;

/** The roots and how to check them. */
export interface StorageRootWatchOptions {
  /** Absolute paths, in the order of the configuration. */
  readonly roots: readonly string[];
  /**
   * Called after the first check of each root and after every change, with its index and the reason why it can't be used;
   * the reason is undefined when it can.
   */
  readonly onChange: (index: number, code: string | undefined) => void;
  /** Pause between two rounds of checks, in milliseconds [2000]. */
  readonly intervalMs?: number;
  /** A root that doesn't answer for this long is reported as ETIMEDOUT, in milliseconds [5000]. */
  readonly timeoutMs?: number;
  /**
   * The number of checks that may be pending at the same time [2]. A check of a dead mount blocks a thread of libuv's pool, which Kafka
   * calls and DNS need too, until the storage answers.
   */
  readonly maxPending?: number;
  readonly probe?: RootProbe;
}

const INTERVAL_MS = 2_000;
const TIMEOUT_MS = 5_000;
/** Missing files may be frequent, and a check costs about as much as reading a few files. */
const LEAST_PAUSE_MS = 250;
const MAX_PENDING = 2;
const UNCHECKED = 'not_checked_yet';

let pendingProbes = 0;

/** Checks that haven't returned. `process.exit()` would wait for them. */
export function pendingRootProbes(): number {
  return pendingProbes;
}

/** Starts to check the roots. */
export class StorageRootWatch {
  readonly #options: StorageRootWatchOptions;
  readonly #probe: RootProbe;
  readonly #maxPending: number;
  readonly #codes: (string | undefined)[];
  readonly #pending = new Set<number>();
  /** The checks that haven't ended, by root. Unlike the pending ones, they end in time. */
  readonly #running = new Map<number, Promise<void>>();
  /** When a check of each root last ended with a reason. */
  readonly #unusableAt: number[] = [];
  /** When the last check of each root began. */
  readonly #checkedAt: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: StorageRootWatchOptions) {
    this.#options = options;
    this.#probe = options.probe ?? createRootProbe();
    this.#maxPending = options.maxPending ?? MAX_PENDING;
    this.#codes = options.roots.map(() => UNCHECKED);
    void this.#checkAll();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Why the root with this index could not be used at its last check; undefined if it could, or wasn't checked yet. */
  codeOf(index: number): string | undefined {
    const code = this.#codes[index];
    return code === UNCHECKED ? undefined : code;
  }

  /**
   * Checks a root. Resolves to whether it can be used, and no check since `since` (`performance.now()`) found that it can't.
   * The check begins after the call, so that it notices a mount that was lost before. While too many checks are pending, the
   * last one counts.
   */
  async usableSince(index: number, since: number): Promise<boolean> {
    await this.#running.get(index);
    await (this.#running.get(index) ?? this.#check(index));
    return this.codeOf(index) === undefined && (this.#unusableAt[index] ?? Number.NEGATIVE_INFINITY) < since;
  }

  /** Checks a root now, unless it was checked a moment ago: a file below it could not be read. */
  checkSoon(index: number): void {
    if (performance.now() - (this.#checkedAt[index] ?? 0) >= LEAST_PAUSE_MS) void this.#check(index);
  }

  async #checkAll(): Promise<void> {
    // One by one, so that roots on the same dead server don't block all of libuv's threads at once.
    for (let index = 0; index < this.#codes.length && !this.#closed; index++) await this.#check(index);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#checkAll(), this.#options.intervalMs ?? INTERVAL_MS).unref();
  }

  #check(index: number): Promise<void> {
    if (this.#closed || this.#pending.has(index) || this.#pending.size >= this.#maxPending) return Promise.resolve();
    const check = this.#checkNow(index).finally(() => this.#running.delete(index));
    this.#running.set(index, check);
    return check;
  }

  async #checkNow(index: number): Promise<void> {
    this.#checkedAt[index] = performance.now();
    const code = await Promise.race([this.#answer(index), timeout(this.#options.timeoutMs ?? TIMEOUT_MS)]);
    if (code !== undefined) this.#unusableAt[index] = performance.now();
    if (this.#closed || code === this.#codes[index]) return;
    this.#codes[index] = code;
    this.#options.onChange(index, code);
  }

  async #answer(index: number): Promise<string | undefined> {
    this.#pending.add(index);
    pendingProbes++;
    try {
      return await this.#probe(this.#options.roots[index] ?? '');
    } finally {
      this.#pending.delete(index);
      pendingProbes--;
    }
  }
}

/** Checks a root with few calls. A lost mount is reported as `not_mounted` once the root was seen on it. */
function createRootProbe(mounts: MountMemory = new MountMemory()): RootProbe {
  return async (root) => {
    try {
      // Looking up `.` needs a searchable directory and triggers an automount. Files are opened by name, so a root
      // needn't be listable.
      await stat(`${root}/.`);
      return (await mounts.isLost(root)) ? 'not_mounted' : undefined;
    } catch (error) {
      return systemCode(error) ?? 'unknown';
    }
  };
}

function timeout(milliseconds: number): Promise<string> {
  return new Promise((resolve) => {
    setTimeout(() => resolve('ETIMEDOUT'), milliseconds).unref();
  });
}
