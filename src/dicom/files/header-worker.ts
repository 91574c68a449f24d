/** One worker thread as the pool sees it: what it was given, and whether it still gets on. */
import { Worker } from 'node:worker_threads';
import { type BatchRequest, CURRENT_FILE, PROGRESS, type WorkerMessage, type WorkerSettings } from './messages.ts';

/** Young strings are most of what a worker makes; a small heap keeps them in the processor's cache. Megabytes. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 };

/** All threads of this process that haven't ended, those included that no pool knows any more. */
const alive = new Set<HeaderWorker>();

/**
 * Ends every reader thread; resolves to whether all of them have ended within `withinMs`. One that hangs in a system call doesn't, and would
 * hold `process.exit()`, which waits for threads, as long as the storage does.
 */
export async function endHeaderThreads(withinMs: number): Promise<boolean> {
  for (const worker of alive) worker.endForGood();
  const deadline = performance.now() + withinMs;
  while (alive.size > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  return alive.size === 0;
}

export interface HeaderWorkerEvents {
  readonly onMessage: (message: WorkerMessage) => void;
  /** The thread is gone, by itself or because it was abandoned. */
  readonly onExit: () => void;
}

export class HeaderWorker {
  readonly #worker: Worker;
  readonly #counters: Int32Array;
  #seenProgress = -1;
  #ticksWithoutProgress = 0;
  #exited = false;
  #ending = false;
  ready = false;

  constructor(script: string, storageRoots: readonly string[], events: HeaderWorkerEvents) {
    const counters = new SharedArrayBuffer(8);
    this.#counters = new Int32Array(counters);
    const workerData: WorkerSettings = { storageRoots, counters };
    this.#worker = new Worker(script, { workerData, execArgv: [], resourceLimits: RESOURCE_LIMITS });
    // A pool that nobody waits for keeps no process alive; while it is busy, the pool's watch does.
    this.#worker.unref();
    this.#worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') this.ready = true;
      events.onMessage(message);
    });
    alive.add(this);
    // An exit follows every error.
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

  send(request: BatchRequest): void {
    this.#worker.postMessage(request);
  }

  /** Position in its batch of the file that it was reading in place last, counted from 0, or undefined. */
  get currentFile(): number | undefined {
    const position = Atomics.load(this.#counters, CURRENT_FILE);
    return position === 0 ? undefined : position - 1;
  }

  /** To be called at regular times while it has a batch; returns how many of them went by since the storage last answered it. */
  countIdleTicks(): number {
    const progress = Atomics.load(this.#counters, PROGRESS);
    if (progress === this.#seenProgress) this.#ticksWithoutProgress++;
    else this.#ticksWithoutProgress = 0;
    this.#seenProgress = progress;
    return this.#ticksWithoutProgress;
  }

  /** The clock starts anew with each batch. */
  restartClock(): void {
    this.#ticksWithoutProgress = 0;
  }

  /** `abandon` without telling anyone, or its pool would put another in its place. */
  endForGood(): void {
    this.#ending = true;
    this.abandon();
  }

  /** Ends the thread without waiting for it: a system call that hangs can't be interrupted, and ends when the storage lets it. */
  abandon(): void {
    this.#worker.terminate().catch(() => {});
  }
}
