/** Reads headers in worker threads, so that the main thread never waits for a file (port `HeaderReader`). */
import { createRequire } from 'node:module';
import type { HeaderBatch, HeaderReader, MissingIdentity, WorkerLoss } from '../../ports.ts';
import type { FileToRead } from '../../records/records.ts';
import { HeaderWorker } from './header-worker.ts';
import { type LookupAnswers, LookupJob } from './lookup-job.ts';
import type { ReadMode, WorkerMessage } from './messages.ts';
import { PoolGrowth, type PoolGrowthOptions } from './pool-growth.ts';
import { ReadJob } from './read-job.ts';
import { RootPaths } from './root-paths.ts';
import { WorkerSlot } from './worker-slot.ts';

/** The settings of the pool. */
export interface HeaderPoolOptions {
  /** Absolute paths of the directories that files may be read from. */
  readonly storageRoots: readonly string[];
  /** Maximum number of threads. The pool starts with one and adds others as `PoolGrowth` decides. */
  readonly workers: number;
  /** A worker is replaced when the storage answers none of its calls for this long, in milliseconds. */
  readonly readTimeoutMs: number;
  /** How a file without PatientID or StudyDate is handled. Default `use_message`. */
  readonly missingIdentity?: MissingIdentity;
  /** Whether files are read concurrently from slow storage; if false, one by one. Default true. */
  readonly concurrentReads?: boolean;
  /**
   * Maximum number of files that all threads together have in flight on slow storage; each occupies one of libuv's threads.
   * Default 128.
   */
  readonly readsInFlight?: number;
  /**
   * Whether a batch ends without the files that take long, when all others are done: they fail as `unfinished`. Default false.
   */
  readonly leavesSlow?: boolean;
  readonly growth?: PoolGrowthOptions;
  /** Called when a worker was replaced. */
  readonly onWorkerLost?: (reason: WorkerLoss) => void;
  /** Replaces the built worker script, for tests. */
  readonly workerScript?: string;
}

/** The reader with its numbers of threads. */
export interface HeaderPool extends HeaderReader {
  stillMissing(paths: readonly string[]): Promise<LookupAnswers>;
  rootOf(path: string): number | undefined;
  /** The number of started threads; a thread and its replacements count once. */
  readonly threads: number;
  /**
   * The number of abandoned threads that are still blocked in a system call. They outlive `close()` until the storage
   * answers or the process ends.
   */
  readonly stuckWorkers: number;
}

/** The least number of ticks within a timeout. */
const TICKS_PER_TIMEOUT = 5;
const LONGEST_TICK_MS = 250;
/** A file that blocks a thread for this time, in milliseconds, must not hold up the others any longer. */
const BLOCKED_MS = 1_000;
/** For this time no file is then read with calls that block a thread. */
const CONCURRENT_MS = 60_000;
/**
 * Maximum number of blocked threads, each of which costs memory. With this number blocked, no thread is started.
 */
const MAX_STUCK = 8;
const READS_IN_FLIGHT = 128;
/** The worker reports a file that takes too long before the pool would replace the worker. */
const FILE_TIMEOUT = 0.75;
const MAX_FAILED_STARTS = 3;
const START_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 1_000;

/** Creates a pool and starts its first thread. */
export function createHeaderPool(options: HeaderPoolOptions): HeaderPool {
  return new WorkerPool(options);
}

class WorkerPool implements HeaderPool {
  readonly #options: HeaderPoolOptions;
  readonly #script: string;
  readonly #roots: RootPaths;
  readonly #slots: WorkerSlot[] = [];
  readonly #waiting: ReadJob[] = [];
  readonly #stuck = new Set<HeaderWorker>();
  readonly #growth: PoolGrowth;
  readonly #tickMs: number;
  #watch: NodeJS.Timeout | undefined;
  #nextId = 1;
  #failedStarts = 0;
  /** False after a lookup has blocked a thread until it was replaced: the next one would block another thread. */
  #lookupsMayBlock = true;
  /** Until this time, by `performance.now()`, all files are read concurrently. */
  #concurrentUntil = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: HeaderPoolOptions) {
    this.#options = options;
    this.#roots = new RootPaths(options.storageRoots);
    this.#growth = new PoolGrowth(options.growth ?? {});
    this.#tickMs = Math.min(LONGEST_TICK_MS, options.readTimeoutMs / TICKS_PER_TIMEOUT);
    this.#script = options.workerScript ?? createRequire(import.meta.url).resolve('#dicom-worker');
    this.#addSlot();
  }

  get threads(): number {
    return this.#slots.length;
  }

  get stuckWorkers(): number {
    return this.#stuck.size;
  }

  read(files: readonly FileToRead[]): Promise<HeaderBatch> {
    if (this.#closed) return Promise.reject(new Error('the header reader is closed'));
    const job = new ReadJob(files, this.#options.missingIdentity ?? 'use_message');
    this.#waiting.push(job);
    this.#dispatch();
    return job.result;
  }

  /** By the thread with the fewest batches. A blocking lookup delays its batches, so callers should wait for one before the next. */
  stillMissing(paths: readonly string[]): Promise<LookupAnswers> {
    const job = new LookupJob(paths, this.#options.readTimeoutMs);
    const [slot] = this.#slots.filter(({ worker }) => worker !== undefined).sort((a, b) => a.queued - b.queued);
    if (slot === undefined) job.giveUp();
    else slot.lookUp(this.#nextId++, job, this.#lookupsMayBlock);
    return job.result;
  }

  rootOf(path: string): number | undefined {
    return this.#roots.indexOf(path);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#watch);
    const jobs = [...this.#waiting.splice(0), ...this.#slots.flatMap((slot) => slot.takeBack())];
    for (const job of jobs) job.reject(new Error('the header reader was closed while a batch was read'));
    for (const slot of this.#slots) {
      if (slot.worker !== undefined) this.#abandon(slot.worker);
      slot.worker = undefined;
    }
    const deadline = performance.now() + CLOSE_TIMEOUT_MS;
    while (this.#stuck.size > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #addSlot(): void {
    const slot = new WorkerSlot();
    this.#slots.push(slot);
    this.#start(slot);
  }

  #start(slot: WorkerSlot): void {
    if (this.#closed || this.#stuck.size >= MAX_STUCK) return;
    const { storageRoots, readTimeoutMs } = this.#options;
    const settings = { storageRoots, fileTimeoutMs: FILE_TIMEOUT * readTimeoutMs };
    const worker = new HeaderWorker(this.#script, settings, {
      onMessage: (message) => this.#onMessage(slot, worker, message),
      onExit: () => this.#onExit(slot, worker),
    });
    slot.worker = worker;
  }

  #onMessage(slot: WorkerSlot, worker: HeaderWorker, message: WorkerMessage): void {
    // An abandoned worker may still answer, but its batches were queued again.
    if (slot.worker !== worker) return;
    worker.restartClock();
    if (message.kind === 'ready') {
      this.#failedStarts = 0;
      return;
    }
    if (message.kind === 'lookup') {
      slot.finishLookup(message.id, message.missing);
      return;
    }
    const job = slot.finish(message.id);
    if (message.kind === 'batch') slot.width = message.width;
    if (slot.width === 0) this.#growth.finishedFast();
    if (message.kind === 'bug') job?.reject(new Error(`reading headers failed: ${message.where}`));
    else job?.resolve(message);
    this.#dispatch();
  }

  #onExit(slot: WorkerSlot, worker: HeaderWorker): void {
    const wasStuck = this.#stuck.delete(worker);
    if (!wasStuck && !worker.ready) this.#failedStarts++;
    if (slot.worker === worker) this.#replace(slot, 'died');
    else if (wasStuck) for (const each of this.#slots) if (each.worker === undefined) this.#start(each);
    this.#dispatch();
  }

  /**
   * Replaces a worker that died or is blocked. The loss counts against the batches that it was reading; the others are only queued again. It
   * counts against none if the worker was in a lookup, or if one file blocks it for a moment (`blocked`): all batches are then read
   * concurrently, so that a file that takes long blocks no thread.
   */
  #replace(slot: WorkerSlot, reason: WorkerLoss): void {
    const { worker } = slot;
    slot.worker = undefined;
    slot.width = 0;
    if (worker !== undefined && !worker.exited) this.#abandon(worker);
    if (this.#closed) return;
    const jobs = slot.takeBack();
    this.#options.onWorkerLost?.(reason);
    const position = worker?.currentFile;
    if (worker?.isLookingUp === true) this.#lookupsMayBlock = false;
    if (reason === 'blocked') this.#concurrentUntil = performance.now() + CONCURRENT_MS;
    // Between blocking reads, any of the batches may be the cause.
    const isInnocent = worker?.ready !== true || worker.isLookingUp || reason === 'blocked';
    const suspects = isInnocent ? [] : position === undefined ? jobs : jobs.slice(0, 1);
    for (const job of suspects) job.workerLost(reason, position);
    // Batches that may block the next worker come last.
    this.#waiting.unshift(...jobs.filter((job) => !suspects.includes(job)), ...suspects);
    if (this.#failedStarts < MAX_FAILED_STARTS) this.#start(slot);
    this.#dispatch();
  }

  #abandon(worker: HeaderWorker): void {
    this.#stuck.add(worker);
    worker.abandon();
  }

  #dispatch(): void {
    if (this.#slots.every(({ worker }) => worker === undefined)) this.#failWaiting();
    const width = Math.max(1, Math.floor((this.#options.readsInFlight ?? READS_IN_FLIGHT) / this.#slots.length));
    for (;;) {
      const [job] = this.#waiting;
      const slot = job && this.#freestSlot(job);
      if (job === undefined || slot === undefined) break;
      this.#waiting.shift();
      slot.send(this.#nextId++, job, { mode: this.#mode, leavesSlow: this.#options.leavesSlow === true, width });
    }
    this.#growIfNeeded();
    this.#watchWhileBusy();
  }

  get #mode(): ReadMode {
    if (this.#options.concurrentReads === false) return 'blocking';
    return performance.now() < this.#concurrentUntil ? 'concurrent' : 'measured';
  }

  #freestSlot(job: ReadJob): WorkerSlot | undefined {
    return this.#slots.filter((slot) => slot.hasRoomFor(job)).sort((a, b) => a.queued - b.queued)[0];
  }

  #growIfNeeded(): void {
    const starting = this.#slots.some(({ worker }) => worker?.ready === false);
    if (this.#waiting.length === 0 || starting) this.#growth.enough();
    else if (this.#slots.length < this.#options.workers && !this.#closed && this.#growth.isDue()) {
      this.#addSlot();
      this.#dispatch();
    }
  }

  /** Ends the waiting batches when no thread can be started: all are blocked in the storage, or the script fails. */
  #failWaiting(): void {
    const cannotStart = this.#failedStarts >= MAX_FAILED_STARTS;
    for (const job of this.#waiting.splice(0)) {
      if (cannotStart) job.reject(new Error('the header worker does not start'));
      else job.resolveNotAttempted();
    }
  }

  // Counts ticks instead of measuring time, so that no read counts as late after the process was suspended (SIGSTOP).
  #watchWhileBusy(): void {
    const busy = this.#slots.some(({ queued }) => queued > 0);
    if (busy && this.#watch === undefined) this.#watch = setInterval(() => this.#tick(), this.#tickMs);
    if (!busy) {
      clearInterval(this.#watch);
      this.#watch = undefined;
    }
  }

  #tick(): void {
    const timeoutTicks = this.#options.readTimeoutMs / this.#tickMs;
    const startTicks = Math.max(timeoutTicks, START_TIMEOUT_MS / this.#tickMs);
    for (const slot of this.#slots) {
      if (slot.worker === undefined || slot.queued === 0) continue;
      const ticks = slot.worker.countIdleTicks();
      if (ticks >= (slot.worker.ready ? timeoutTicks : startTicks)) this.#replace(slot, 'read_timeout');
      else if (ticks >= BLOCKED_MS / this.#tickMs && this.#mayRelieve(slot)) this.#replace(slot, 'blocked');
    }
    this.#growIfNeeded();
  }

  /** Whether another thread can read the batches of a slot, in which a blocking call waits. */
  #mayRelieve(slot: WorkerSlot): boolean {
    const { worker } = slot;
    if (worker === undefined || slot.hasJobAlone || this.#options.concurrentReads === false) return false;
    // Threads that are blocked for long must leave room for the replacement of others.
    return (worker.currentFile !== undefined || worker.isLookingUp) && this.#stuck.size < MAX_STUCK / 2;
  }
}
