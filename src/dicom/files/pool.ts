/** Reads headers in worker threads, so that the main thread never waits for a file (port `HeaderReader`). */
import { createRequire } from 'node:module';
import { DicomReadError, type DicomReadErrorCode } from '../../errors.ts';
import type { HeaderBatch, HeaderFailure, HeaderReader, HeaderRow } from '../../ports.ts';
import type { FileToRead } from '../../records/records.ts';
import { HeaderWorker } from './header-worker.ts';
import type { BatchRequest, RowLists, WorkerMessage } from './messages.ts';
import { PoolGrowth, type PoolGrowthOptions } from './pool-growth.ts';

export interface HeaderPoolOptions {
  /** Absolute paths of the directories that files may be read from. */
  readonly storageRoots: readonly string[];
  /** Threads, at most: another one is started when those there are don't keep up and it could help (PoolGrowth). */
  readonly workers: number;
  /** Milliseconds that the storage may leave a read unanswered. */
  readonly readTimeoutMs: number;
  /** Whether slow storage is read many files at a time; otherwise always one after the other. Default: true. */
  readonly readSideBySide?: boolean;
  readonly growth?: PoolGrowthOptions;
  /** Called when a worker was given up, with the reason: for a counter. */
  readonly onWorkerLost?: (reason: 'read_timeout' | 'died') => void;
  /** Another script than the built worker: for tests. */
  readonly workerScript?: string;
}

/** A pool that also tells how many threads hang in a system call: such a thread outlives `close()`, and only the end of the process ends it. */
export interface HeaderPool extends HeaderReader {
  /** Threads that were started, those that had to be replaced counted once. */
  readonly threads: number;
  readonly stuckWorkers: number;
}

// Two batches a worker: the next one waits at the worker's door, so that it needn't wait for the main thread.
const BATCHES_PER_WORKER = 2;
const TICKS_PER_TIMEOUT = 5;
// A hanging system call holds its thread until the storage lets go. With so many held, none is started any more: they only eat memory.
const MAX_STUCK = 8;
const MAX_FAILED_STARTS = 3;
const START_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 1_000;

interface Job {
  readonly files: readonly FileToRead[];
  /** Positions in `files` that are still to be read: those at fault are taken out. */
  indexes: readonly number[];
  readonly failures: HeaderFailure[];
  attempts: number;
  readonly resolve: (batch: HeaderBatch) => void;
  readonly reject: (error: Error) => void;
}

interface Lane {
  worker: HeaderWorker | undefined;
  /** What the worker has, oldest first: it works at the first. */
  readonly jobs: Map<number, Job>;
}

export function createHeaderPool(options: HeaderPoolOptions): HeaderPool {
  return new WorkerPool(options);
}

class WorkerPool implements HeaderPool {
  readonly #options: HeaderPoolOptions;
  readonly #script: string;
  readonly #lanes: Lane[] = [];
  readonly #waiting: Job[] = [];
  readonly #stuck = new Set<HeaderWorker>();
  readonly #tickMs: number;
  #watch: NodeJS.Timeout | undefined;
  readonly #growth: PoolGrowth;
  #nextId = 1;
  #failedStarts = 0;
  #closed = false;

  constructor(options: HeaderPoolOptions) {
    this.#options = options;
    this.#growth = new PoolGrowth(options.growth ?? {});
    this.#tickMs = options.readTimeoutMs / TICKS_PER_TIMEOUT;
    this.#script = options.workerScript ?? createRequire(import.meta.url).resolve('#dicom-worker');
    this.#addLane();
  }

  get threads(): number {
    return this.#lanes.length;
  }

  get stuckWorkers(): number {
    return this.#stuck.size;
  }

  read(files: readonly FileToRead[]): Promise<HeaderBatch> {
    if (this.#closed) return Promise.reject(new Error('the header reader is closed'));
    return new Promise((resolve, reject) => {
      const indexes = files.map((_, index) => index);
      this.#waiting.push({ files, indexes, failures: [], attempts: 0, resolve, reject });
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#watch);
    for (const job of this.#waiting.splice(0)) job.reject(new Error('the header reader was closed'));
    for (const lane of this.#lanes) {
      for (const job of lane.jobs.values()) job.reject(new Error('the header reader was closed'));
      lane.jobs.clear();
      if (lane.worker !== undefined) this.#giveUp(lane.worker);
      lane.worker = undefined;
    }
    const deadline = performance.now() + CLOSE_TIMEOUT_MS;
    while (this.#stuck.size > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #addLane(): void {
    const lane: Lane = { worker: undefined, jobs: new Map() };
    this.#lanes.push(lane);
    this.#start(lane);
  }

  #start(lane: Lane): void {
    if (this.#closed || this.#stuck.size >= MAX_STUCK) return;
    const worker = new HeaderWorker(this.#script, this.#options.storageRoots, {
      onMessage: (message) => this.#onMessage(lane, worker, message),
      onExit: () => this.#onExit(lane, worker),
    });
    lane.worker = worker;
  }

  #onMessage(lane: Lane, worker: HeaderWorker, message: WorkerMessage): void {
    if (lane.worker !== worker) return;
    if (message.kind === 'ready') {
      this.#failedStarts = 0;
      worker.restartClock();
      return;
    }
    const job = lane.jobs.get(message.id);
    lane.jobs.delete(message.id);
    worker.restartClock();
    this.#growth.progressed();
    if (job !== undefined) {
      if (message.kind === 'bug') job.reject(new Error(`reading headers failed: ${message.where}`));
      else job.resolve(headerBatch(job, message));
    }
    this.#dispatch();
  }

  #onExit(lane: Lane, worker: HeaderWorker): void {
    const wasStuck = this.#stuck.delete(worker);
    if (!wasStuck && !worker.ready) this.#failedStarts++;
    if (lane.worker === worker) this.#replace(lane, 'died');
    else if (wasStuck) for (const each of this.#lanes) if (each.worker === undefined) this.#start(each);
    this.#dispatch();
  }

  /** A worker died or hangs: the batch it was at is to blame, the others of its lane just go back. */
  #replace(lane: Lane, reason: 'read_timeout' | 'died'): void {
    const { worker } = lane;
    lane.worker = undefined;
    if (worker !== undefined && !worker.exited) this.#giveUp(worker);
    if (this.#closed) return;
    const [current, ...behind] = lane.jobs.values();
    lane.jobs.clear();
    this.#options.onWorkerLost?.(reason);
    if (current !== undefined && worker?.ready === true) this.#blame(current, worker.currentFile, reason);
    else if (current !== undefined) behind.unshift(current);
    this.#waiting.unshift(...behind);
    if (this.#failedStarts < MAX_FAILED_STARTS) this.#start(lane);
    this.#dispatch();
  }

  /** The first failure costs a retry. From the second on, the batch was read file by file, and the one it stopped at is at fault. */
  #blame(job: Job, position: number | undefined, reason: 'read_timeout' | 'died'): void {
    job.attempts++;
    if (job.attempts >= 2) {
      const code: DicomReadErrorCode = reason === 'died' ? 'read_failed' : 'read_timeout';
      const index = job.indexes[position ?? 0];
      if (index !== undefined) {
        job.failures.push({ index, error: new DicomReadError(code) });
        job.indexes = job.indexes.filter((each) => each !== index);
      }
    }
    this.#waiting.unshift(job);
  }

  #giveUp(worker: HeaderWorker): void {
    this.#stuck.add(worker);
    worker.abandon();
  }

  #dispatch(): void {
    if (this.#lanes.every(({ worker }) => worker === undefined)) this.#failWaiting();
    for (;;) {
      const lane = this.#freest();
      const job = lane === undefined ? undefined : this.#waiting.shift();
      if (lane?.worker === undefined || job === undefined) break;
      const id = this.#nextId++;
      if (lane.jobs.size === 0) lane.worker.restartClock();
      lane.jobs.set(id, job);
      lane.worker.send(request(id, job, this.#options.readSideBySide === false));
    }
    this.#growWhenShort();
    this.#watchWhileBusy();
  }

  #growWhenShort(): void {
    if (this.#waiting.length === 0 || this.#lanes.some(({ worker }) => worker?.ready === false)) this.#growth.enough();
    else if (this.#lanes.length < this.#options.workers && !this.#closed && this.#growth.isDue()) {
      this.#addLane();
      this.#dispatch();
    }
  }

  #freest(): Lane | undefined {
    const free = this.#lanes.filter(({ worker, jobs }) => worker !== undefined && jobs.size < BATCHES_PER_WORKER);
    return free.sort((a, b) => a.jobs.size - b.jobs.size)[0];
  }

  /** No worker is left and none can be started: every thread hangs in the storage, or the script itself can't run. */
  #failWaiting(): void {
    for (const job of this.#waiting.splice(0)) {
      if (this.#failedStarts >= MAX_FAILED_STARTS) job.reject(new Error('the header worker does not start'));
      else {
        const notAttempted = { error: new DicomReadError('read_timeout'), notAttempted: true };
        for (const index of job.indexes) job.failures.push({ index, ...notAttempted });
        job.resolve({ states: [], images: [], failures: job.failures });
      }
    }
  }

  // Ticks are counted, not time: a process that was stopped for a while must not find all its reads late.
  #watchWhileBusy(): void {
    const busy = this.#lanes.some(({ jobs }) => jobs.size > 0);
    if (busy && this.#watch === undefined) this.#watch = setInterval(() => this.#tick(), this.#tickMs);
    if (!busy) {
      clearInterval(this.#watch);
      this.#watch = undefined;
    }
  }

  #tick(): void {
    const startTicks = Math.max(TICKS_PER_TIMEOUT, START_TIMEOUT_MS / this.#tickMs);
    for (const lane of this.#lanes) {
      const { worker } = lane;
      if (worker === undefined || lane.jobs.size === 0) continue;
      const allowed = worker.ready ? TICKS_PER_TIMEOUT : startTicks;
      if (worker.countIdleTicks() >= allowed) this.#replace(lane, 'read_timeout');
    }
    this.#growWhenShort();
  }
}

function request(id: number, { files, indexes, attempts }: Job, inPlace: boolean): BatchRequest {
  const chosen = indexes.flatMap((index) => files[index] ?? []);
  return {
    id,
    sequential: inPlace || attempts > 0,
    tenantIds: chosen.map(({ tenantId }) => tenantId),
    paths: chosen.map(({ path }) => path),
    sizes: chosen.map(({ size }) => size),
    times: chosen.map(({ version }) => version.time),
    traceIds: chosen.map(({ version }) => version.traceId),
  };
}

function headerBatch(job: Job, message: Extract<WorkerMessage, { kind: 'batch' }>): HeaderBatch {
  const { failures } = message;
  const jsons = Buffer.from(message.jsons);
  const statesLength = message.states.lengths.reduce((sum, length) => sum + length, 0);
  return {
    states: rows(job, message.states, jsons),
    images: rows(job, message.images, jsons.subarray(statesLength)),
    failures: [
      ...job.failures,
      ...failures.indexes.map((position, at) => ({
        index: job.indexes[position] ?? 0,
        error: new DicomReadError(failures.codes[at] ?? 'read_failed', failures.attributes[at]),
        incomplete: failures.incomplete[at] === true,
      })),
    ],
  };
}

/** `jsons` begins with theirs. */
function rows(job: Job, { indexes, identities, keys, lengths }: RowLists, jsons: Buffer): HeaderRow[] {
  let end = 0;
  return indexes.map((position, at) => {
    const start = end;
    end += lengths[at] ?? 0;
    return {
      index: job.indexes[position] ?? 0,
      identity: identities[at] ?? '',
      key: keys[at] ?? '',
      json: jsons.subarray(start, end),
    };
  });
}
