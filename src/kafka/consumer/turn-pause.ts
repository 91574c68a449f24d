import { type NativeConsumer, type Partition, partitionName } from '../client/types.ts';
import { FairTurns } from './fair-turns.ts';
import type { WatermarkTracker } from './watermark.ts';

/** How often the partitions' positions are compared. A poll may take less than a millisecond. */
const CHECK_MS = 100;

/** What a TurnPause needs. */
export interface TurnPauseOptions {
  readonly consumer: Pick<NativeConsumer, 'assignments' | 'pause' | 'resume'>;
  readonly tracker: Pick<WatermarkTracker, 'positions'>;
  /** How often the assignment has changed. */
  assignments(): number;
  /** In milliseconds [performance.now()]. */
  readonly now?: () => number;
}

/** Pauses and resumes partitions as `FairTurns` decides. The client discards what it has fetched of a paused partition. */
export class TurnPause {
  readonly #options: TurnPauseOptions;
  readonly #turns = new FairTurns();
  #paused: ReadonlyMap<string, Partition> = new Map();
  /** The number of the assignment that was checked last. */
  #assignment: number;
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(options: TurnPauseOptions) {
    this.#options = options;
    this.#assignment = options.assignments();
  }

  isPaused(partition: Partition): boolean {
    return this.#paused.has(partitionName(partition));
  }

  /** To be called after each poll for which there was room. */
  polled(ends: ReadonlyMap<string, number>): void {
    const { tracker, assignments, now = () => performance.now() } = this.#options;
    if (now() - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now();
    if (this.#assignment !== assignments()) {
      this.#assignment = assignments();
      this.#turns.reset();
    }
    const wanted = this.#turns.pausedAt(this.#checkedAt, tracker.positions(), ends);
    if (wanted.length > 0 || this.#paused.size > 0) this.#change(wanted);
  }

  /** To be called when all partitions were resumed. */
  resumed(): void {
    this.#paused = new Map();
    this.#turns.reset();
  }

  #change(wanted: readonly Partition[]): void {
    const { consumer } = this.#options;
    try {
      const assigned = new Set(consumer.assignments().map(partitionName));
      const next = new Map(
        wanted.map((each) => [partitionName(each), each] as const).filter(([name]) => assigned.has(name)),
      );
      const toResume = [...this.#paused].flatMap(([name, each]) => (next.has(name) || !assigned.has(name) ? [] : each));
      const toPause = [...next].flatMap(([name, each]) => (this.#paused.has(name) ? [] : each));
      if (toResume.length > 0) consumer.resume(toResume);
      if (toPause.length > 0) consumer.pause(toPause);
      this.#paused = next;
    } catch {
      // The client is between two assignments. Tried again at the next check: a partition must not stay paused.
    }
  }
}
