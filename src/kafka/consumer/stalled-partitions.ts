import { type Partition, type PartitionOffset, partitionName } from '../client/types.ts';
import type { FetchState } from './statistics.ts';

/** How long a partition may have readable records without one being read before it counts as stalled, in milliseconds. */
export const STALL_AFTER_MS = 20_000;
/** The longest pause between two recoveries of a partition that still isn't read, in milliseconds. */
const LONGEST_PAUSE_MS = 10 * 60_000;
/** A fetch in progress may be followed by one more that takes as long. Several requests without a record are not slow. */
const SLOW_REQUESTS = 1;

/** What is known about the assigned partitions at one moment. */
export interface ReadState {
  /** The next offset to read of each assigned partition; -1 while it is unknown. */
  readonly positions: readonly PartitionOffset[];
  /** By `partitionName`, the offset after the last record that may be read. Empty while the brokers don't answer. */
  readonly ends: ReadonlyMap<string, number>;
  /** Whether records of a partition are polled: it isn't paused, and there is room for records. */
  polls(partition: Partition): boolean;
  /** The fetches of a partition's broker; undefined without a broker or before the first statistics. */
  fetches(partition: Partition): FetchState | undefined;
}

/** A partition that has readable records and isn't read. */
export interface Stall extends PartitionOffset {
  /** The offset after the last record that may be read. */
  readonly end: number;
  /** How often it was found stalled without having been read since, from 1. */
  readonly attempt: number;
}

interface Watched {
  /** The next offset to read. */
  readonly offset: number;
  /** The highest `offset` so far: a recovery may start below it. */
  readonly reached: number;
  /** Since when it could have been read. */
  readonly since: number;
  /** The number of fetches at `since`. */
  readonly requests: number;
  readonly attempts: number;
}

/**
 * Finds assigned partitions that aren't read although their logs have readable records. Time counts only while records are polled and the
 * brokers answer. A fetch in progress is slow, not stalled. A partition that a recovery didn't help is found again, each time after twice
 * the time.
 */
export class StalledPartitions {
  readonly #watched = new Map<string, Watched>();
  #names: readonly string[] = [];

  /** The assigned partitions that were found stalled and weren't read since. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** To be called every few seconds. Returns the partitions to recover now. */
  check({ positions, ends, polls, fetches }: ReadState): readonly Stall[] {
    const now = performance.now();
    const stalls: Stall[] = [];
    const names: string[] = [];
    for (const { topic, partition, offset } of positions) {
      const name = partitionName({ topic, partition });
      const end = ends.get(name);
      const before = this.#watched.get(name);
      const state = fetches({ topic, partition });
      const attempts = before !== undefined && offset <= before.reached ? before.attempts : 0;
      const restarted = {
        offset,
        reached: Math.max(offset, attempts === 0 ? 0 : (before?.reached ?? 0)),
        since: now,
        requests: state?.requests ?? 0,
        attempts,
      };
      if (offset < 0 || (end !== undefined && offset >= end)) {
        this.#watched.delete(name);
        continue;
      }
      if (attempts > 0) names.push(name);
      if (before === undefined || before.offset !== offset || end === undefined || !polls({ topic, partition })) {
        this.#watched.set(name, restarted);
        continue;
      }
      const pause = Math.min(LONGEST_PAUSE_MS, STALL_AFTER_MS * 2 ** Math.max(0, attempts - 1));
      if (now - before.since < pause || isSlow(state, before.requests)) continue;
      this.#watched.set(name, { ...restarted, attempts: attempts + 1 });
      if (attempts === 0) names.push(name);
      stalls.push({ topic, partition, offset, end, attempt: attempts + 1 });
    }
    this.#names = names;
    return stalls;
  }
}

/** Whether a fetch that began before, with request number `before`, may still be in progress. */
function isSlow(fetches: FetchState | undefined, before: number): boolean {
  return fetches?.isPending === true && fetches.requests - before <= SLOW_REQUESTS;
}
