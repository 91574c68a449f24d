import { type Partition, type PartitionOffset, partitionName } from '../client/types.ts';

/** How long a partition may have readable records without one being read, while others are read, in milliseconds. */
const STARVED_MS = 2_000;
/** How long the others are paused for it, in milliseconds. */
const TURN_MS = 1_000;
/**
 * A turn begins only with this number of readable records, and ends when fewer than the second number are left. At its end, the broker would
 * hold the partition's fetch for `fetch.wait.max.ms`, and the client sends no other one to this broker meanwhile.
 */
const LEAST_AT_START = 30_000;
const LEAST_LEFT = 10_000;
/** The shortest and the longest pause after a turn in which nothing was read, in milliseconds. */
const FIRST_BREAK_MS = 10_000;
const LONGEST_BREAK_MS = 10 * 60_000;
/** Time without a call doesn't count: nothing was polled. */
const NOT_POLLED_MS = 1_000;

interface Watched {
  readonly partition: Partition;
  /** The next offset to read. */
  offset: number;
  /** When it was last read, or could be. */
  readAt: number;
  /** No turn before this time. */
  breakUntil: number;
  breakMs: number;
}

interface Turn {
  readonly watched: Watched;
  readonly offset: number;
  readonly until: number;
}

/**
 * Lets every partition with records be read. A broker answers a fetch with one batch of the first partition at least, and of the others only
 * with batches that fit into `max.partition.fetch.bytes`. librdkafka (2.15.1, rdkafka_broker.c) starts each fetch with the same partition
 * when its queue was full before. So in a backlog of larger batches, one partition is read to its end before the next one. A partition
 * that isn't read for 2 s although it has tens of thousands of records gets a second in which the others are paused.
 */
export class FairTurns {
  readonly #watched = new Map<string, Watched>();
  #turn: Turn | undefined;
  #next: Watched[] = [];
  #calledAt = Number.NEGATIVE_INFINITY;

  /**
   * To be called at least once a second while there is room for records. `positions`: the next offset to read of each assigned partition. `ends`: by
   * `partitionName`, the offset after the last readable record, as far as brokers answer. Returns the partitions to pause until the next
   * call.
   */
  pausedAt(
    now: number,
    positions: readonly PartitionOffset[],
    ends: ReadonlyMap<string, number>,
  ): readonly Partition[] {
    if (now - this.#calledAt > NOT_POLLED_MS) this.reset();
    this.#calledAt = now;
    const hasRead = this.#note(now, positions, ends);
    if (this.#turn !== undefined && this.#hasEnded(this.#turn, now, ends)) this.#endTurn(this.#turn, now);
    if (this.#turn === undefined && hasRead) this.#startRound(now, ends);
    if (this.#turn === undefined) this.#startTurn(now);
    const { watched } = this.#turn ?? {};
    return watched === undefined
      ? []
      : [...this.#watched.values()].filter((each) => each !== watched).map(({ partition }) => partition);
  }

  /** To be called when partitions were assigned, paused or resumed otherwise. */
  reset(): void {
    this.#watched.clear();
    this.#turn = undefined;
    this.#next = [];
  }

  /** Returns whether any partition was read. */
  #note(now: number, positions: readonly PartitionOffset[], ends: ReadonlyMap<string, number>): boolean {
    let hasRead = false;
    for (const { topic, partition, offset } of positions) {
      const name = partitionName({ topic, partition });
      const watched = this.#watched.get(name);
      if (watched === undefined) {
        const times = { readAt: now, breakUntil: now, breakMs: FIRST_BREAK_MS };
        this.#watched.set(name, { partition: { topic, partition }, offset, ...times });
        continue;
      }
      const isRead = offset !== watched.offset;
      hasRead ||= isRead;
      if (isRead || readable(watched, ends) <= 0) watched.readAt = now;
      watched.offset = offset;
    }
    return hasRead;
  }

  #hasEnded({ watched, until }: Turn, now: number, ends: ReadonlyMap<string, number>): boolean {
    return now >= until || readable(watched, ends) < LEAST_LEFT;
  }

  #endTurn({ watched, offset }: Turn, now: number): void {
    this.#turn = undefined;
    const isFruitless = watched.offset === offset;
    watched.breakUntil = isFruitless ? now + watched.breakMs : now;
    watched.breakMs = isFruitless ? Math.min(LONGEST_BREAK_MS, 2 * watched.breakMs) : FIRST_BREAK_MS;
    if (this.#next.length > 0) return;
    // The others could not be read during the round: nothing is known of them.
    for (const each of this.#watched.values()) each.readAt = now;
  }

  #startRound(now: number, ends: ReadonlyMap<string, number>): void {
    if (this.#next.length > 0) return;
    this.#next = [...this.#watched.values()]
      .filter(
        (each) => readable(each, ends) >= LEAST_AT_START && now - each.readAt >= STARVED_MS && now >= each.breakUntil,
      )
      .sort((a, b) => a.readAt - b.readAt);
  }

  #startTurn(now: number): void {
    const watched = this.#next.shift();
    if (watched !== undefined) this.#turn = { watched, offset: watched.offset, until: now + TURN_MS };
  }
}

/** The number of offsets up to the end of the partition, as far as it is known. */
function readable({ partition, offset }: Watched, ends: ReadonlyMap<string, number>): number {
  return offset < 0 ? 0 : (ends.get(partitionName(partition)) ?? 0) - offset;
}
