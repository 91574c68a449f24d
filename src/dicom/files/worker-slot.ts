/** A place for one worker thread in the pool, and the batches and lookups that were sent to it. */
import type { HeaderWorker } from './header-worker.ts';
import type { LookupAnswers, LookupJob } from './lookup-job.ts';
import type { ReadJob, RequestSettings } from './read-job.ts';

/** Queue one extra batch per worker so that it never idles while the main thread is busy. */
const BATCHES_PER_WORKER = 2;
/**
 * On slow storage: this many times the files that the worker reads at the same time, so that it never runs out of files. Most files of a
 * batch may be done while it waits for a single one that takes long.
 */
const WIDTHS_PER_WORKER = 8;

/** The current worker and its batches. */
export class WorkerSlot {
  /** Undefined while no thread could be started. */
  worker: HeaderWorker | undefined;
  /** The number of files that the worker wants to have in flight, as of its last answer; 0 on fast storage. */
  width = 0;
  /** The oldest first. */
  readonly #jobs = new Map<number, ReadJob>();
  readonly #lookups = new Map<number, LookupJob>();
  #files = 0;

  get queued(): number {
    return this.#jobs.size;
  }

  /** Whether this batch may be sent to the worker now. */
  hasRoomFor(job: ReadJob): boolean {
    if (this.worker === undefined) return false;
    if (job.mustBeAlone || this.hasJobAlone) return this.#jobs.size === 0;
    return this.#jobs.size < BATCHES_PER_WORKER || this.#files < WIDTHS_PER_WORKER * this.width;
  }

  send(id: number, job: ReadJob, settings: RequestSettings): void {
    if (this.#jobs.size === 0) this.worker?.restartClock();
    this.#jobs.set(id, job);
    this.#files += job.files;
    this.worker?.send(job.request(id, settings));
  }

  lookUp(id: number, job: LookupJob, mayBlock: boolean): void {
    this.#lookups.set(id, job);
    this.worker?.send({ kind: 'lookup', id, paths: job.paths, mayBlock });
  }

  /** The worker has answered this lookup. */
  finishLookup(id: number, missing: LookupAnswers): void {
    this.#lookups.get(id)?.finish(missing);
    this.#lookups.delete(id);
  }

  /** The worker has answered this batch; undefined if it was taken back meanwhile. */
  finish(id: number): ReadJob | undefined {
    const job = this.#jobs.get(id);
    if (this.#jobs.delete(id)) this.#files -= job?.files ?? 0;
    return job;
  }

  /** Takes back every batch, the oldest first, and gives up the lookups. */
  takeBack(): ReadJob[] {
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const lookup of this.#lookups.values()) lookup.giveUp();
    this.#lookups.clear();
    this.#files = 0;
    return jobs;
  }

  /** Whether a batch is being read that must be alone: one by one, with blocking calls. */
  get hasJobAlone(): boolean {
    for (const job of this.#jobs.values()) if (job.mustBeAlone) return true;
    return false;
  }
}
