/** A worker thread, seen from the main thread: its messages, the progress of its storage calls, and its end. */
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import {
  type BatchRequest,
  CURRENT_FILE,
  LOOKUP,
  type LookupRequest,
  PROGRESS,
  type WorkerMessage,
  type WorkerSettings,
} from './messages.ts';

/**
 * In megabytes. Most allocations of a worker are short-lived strings; a small young generation keeps them in the CPU
 * cache.
 */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 };
/**
 * Node's flag for the main thread's young generation (docs/container.md) also applies to threads, in which it overrides the limit above: each
 * would take up to 64 MB more. 0: no flag. It is the whole process's flag, but the main thread's heap was set up before. It isn't set back,
 * because a thread sets up its heap some time after its start.
 */
const NO_YOUNG_GENERATION_FLAG = '--max-semi-space-size=0';

/** All reader threads of this process that haven't ended, abandoned ones included. */
const alive = new Set<HeaderWorker>();

/**
 * Terminates every reader thread; resolves to whether all of them ended within `withinMs`. A thread that is blocked in
 * a system call doesn't end, and `process.exit()` would wait for it.
 */
export async function endHeaderThreads(withinMs: number): Promise<boolean> {
  for (const worker of alive) worker.endForGood();
  const deadline = performance.now() + withinMs;
  while (alive.size > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  return alive.size === 0;
}

/** Listeners of a worker. */
export interface HeaderWorkerEvents {
  readonly onMessage: (message: WorkerMessage) => void;
  /** The thread has ended, by itself or after `abandon()`. */
  readonly onExit: () => void;
}

/** Starts a worker thread. */
export class HeaderWorker {
  readonly #worker: Worker;
  readonly #counters: Int32Array;
  #seenProgress = -1;
  #ticksWithoutProgress = 0;
  #exited = false;
  #ending = false;
  ready = false;

  constructor(script: string, settings: Omit<WorkerSettings, 'counters'>, events: HeaderWorkerEvents) {
    const counters = new SharedArrayBuffer(8);
    this.#counters = new Int32Array(counters);
    const workerData: WorkerSettings = { ...settings, counters };
    // Not while another thread may be setting up its heap.
    if (alive.size === 0) setFlagsFromString(NO_YOUNG_GENERATION_FLAG);
    this.#worker = new Worker(script, { workerData, execArgv: [], resourceLimits: RESOURCE_LIMITS });
    // An idle pool must not keep the process alive. While it is busy, the pool's timer does.
    this.#worker.unref();
    this.#worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') this.ready = true;
      events.onMessage(message);
    });
    alive.add(this);
    // 'exit' follows every 'error'.
    this.#worker.on('error', () => {});
    this.#worker.on('exit', () => {
      this.#exited = true;
      alive.delete(this);
      if (!this.#ending) events.onExit();
    });
  }

  get exited(): boolean {
    return this.#exited;
  }

  send(request: BatchRequest | LookupRequest): void {
    this.#worker.postMessage(request);
  }

  /** Index in its batch of the file that is being read with blocking calls; undefined if none is. */
  get currentFile(): number | undefined {
    const position = Atomics.load(this.#counters, CURRENT_FILE);
    return position > 0 ? position - 1 : undefined;
  }

  /** Whether the worker is in a blocking lookup. */
  get isLookingUp(): boolean {
    return Atomics.load(this.#counters, CURRENT_FILE) === LOOKUP;
  }

  /**
   * Call at regular intervals while the worker has a batch. Returns the number of calls since the storage last answered
   * it.
   */
  countIdleTicks(): number {
    const progress = Atomics.load(this.#counters, PROGRESS);
    if (progress === this.#seenProgress) this.#ticksWithoutProgress++;
    else this.#ticksWithoutProgress = 0;
    this.#seenProgress = progress;
    return this.#ticksWithoutProgress;
  }

  /** Resets the count of `countIdleTicks`. */
  restartClock(): void {
    this.#ticksWithoutProgress = 0;
  }

  /** `abandon` without `onExit`, which would start a replacement. */
  endForGood(): void {
    this.#ending = true;
    this.abandon();
  }

  /**
   * Terminates the thread without waiting: a blocked system call can't be interrupted and ends only when the storage
   * answers.
   */
  abandon(): void {
    this.#worker.terminate().catch(() => {});
  }
}
