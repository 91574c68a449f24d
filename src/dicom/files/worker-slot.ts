/** A place for one worker thread in the pool, and the batches that were sent to it. */
import type { HeaderWorker } from './header-worker.ts';
import type { ReadJob } from './read-job.ts';

/** Queue one extra batch per worker so that it never idles while the main thread is busy. */
const BATCHES_PER_WORKER = 2;

/** The current worker and its batches. */
export class WorkerSlot {
  /** Undefined while no thread could be started. */
  worker: HeaderWorker | undefined;
  /** The oldest first, which the worker is reading. */
  readonly #jobs = new Map<number, ReadJob>();

  get queued(): number {
    return this.#jobs.size;
  }

  get hasRoom(): boolean {
    return this.worker !== undefined && this.#jobs.size < BATCHES_PER_WORKER;
  }

  send(id: number, job: ReadJob, sequential: boolean): void {
    if (this.#jobs.size === 0) this.worker?.restartClock();
    this.#jobs.set(id, job);
    this.worker?.send(job.request(id, sequential));
  }

  /** The worker has answered this batch; undefined if it was taken back meanwhile. */
  finish(id: number): ReadJob | undefined {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    return job;
  }

  /** Takes back every batch, the one being read first. */
  takeBack(): ReadJob[] {
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    return jobs;
  }
}
