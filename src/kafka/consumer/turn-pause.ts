import { type NativeConsumer, type Partition, partitionName } from '../client/types.ts';
import { FairTurns } from './fair-turns.ts';
import type { WatermarkTracker } from './watermark.ts';

/** Pauses and resumes partitions as `FairTurns` decides. The client discards what it has fetched of a paused partition. */
export class TurnPause {
  readonly #consumer: Pick<NativeConsumer, 'assignments' | 'pause' | 'resume'>;
  readonly #tracker: Pick<WatermarkTracker, 'positions'>;
  readonly #assignments: () => number;
  readonly #turns = new FairTurns();
  #paused = new Map<string, Partition>();
  /** The number of the assignment for which they are paused. */
  #pausedAt: number;

  /** `assignments`: how often the assignment has changed. */
  constructor(
    consumer: Pick<NativeConsumer, 'assignments' | 'pause' | 'resume'>,
    tracker: Pick<WatermarkTracker, 'positions'>,
    assignments: () => number,
  ) {
    this.#consumer = consumer;
    this.#tracker = tracker;
    this.#assignments = assignments;
    this.#pausedAt = assignments();
  }

  isPaused(partition: Partition): boolean {
    return this.#paused.has(partitionName(partition));
  }

  /** To be called after each poll for which there was room. */
  polled(ends: ReadonlyMap<string, number>): void {
    if (this.#pausedAt !== this.#assignments()) {
      this.#pausedAt = this.#assignments();
      this.#turns.reset();
    }
    const wanted = this.#turns.pausedAt(performance.now(), this.#tracker.positions(), ends);
    if (wanted.length > 0 || this.#paused.size > 0) this.#change(wanted);
  }

  /** To be called when all partitions were resumed. */
  resumed(): void {
    this.#paused.clear();
    this.#turns.reset();
  }

  #change(wanted: readonly Partition[]): void {
    try {
      const assigned = new Set(this.#consumer.assignments().map(partitionName));
      const next = new Map(wanted.map((each) => [partitionName(each), each]));
      const changed = (from: ReadonlyMap<string, Partition>, to: ReadonlyMap<string, Partition>) =>
        [...to].flatMap(([name, each]) => (from.has(name) || !assigned.has(name) ? [] : each));
      const toResume = changed(next, this.#paused);
      const toPause = changed(this.#paused, next);
      this.#paused = next;
      if (toResume.length > 0) this.#consumer.resume(toResume);
      if (toPause.length > 0) this.#consumer.pause(toPause);
    } catch {
      // The client is between two assignments. A new one is not paused.
      this.resumed();
    }
  }
}
