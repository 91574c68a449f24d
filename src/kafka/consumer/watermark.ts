import type { Partition, PartitionOffset } from '../client/client.ts';

/** Where an assigned partition starts, and what is committed beside its offsets. */
export interface TrackedStart extends Partition {
  /** The offset to consume first; without one the client decides. */
  readonly offset?: number;
  /** Whether `offset` is already the committed one. Otherwise it is committed with the next commit. */
  readonly isCommitted?: boolean;
  readonly metadata?: string;
}

/** An offset to commit. */
export interface CommittableOffset extends PartitionOffset {
  readonly metadata?: string;
}

/**
 * One assignment of a partition, or one log of it: a new object whenever tracking starts over. Records are acknowledged with the object
 * that they were tracked with.
 */
export interface Assignment {
  /** Committed with every offset of the assignment (commit-metadata.ts). */
  readonly metadata?: string;
}

/** A record as it was tracked. One without an assignment counts for the current one. */
export interface TrackedOffset extends PartitionOffset {
  readonly assignment?: Assignment;
}

/** One assigned partition: the offsets handed out and not yet passed by the watermark, oldest first. */
interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  readonly assignment: Assignment;
  offsets: number[];
  acked: boolean[];
  /** Index of the oldest offset in the two arrays. They are cut only now and then, since each cut copies them. */
  head: number;
  unacked: number;
  /** The offset to commit next, or -1 before it is known. */
  watermark: number;
  /** The watermark that was taken for a commit last, or -1. */
  taken: number;
  /** The offset that the group would continue from: the start offset, then each committed one; -1 while it isn't known. */
  committed: number;
  /** The client's position when it was polled last: every record below was handed out. -1 before the first. */
  position: number;
  /** The offset handed out last, or -1. */
  last: number;
  /** A position of an earlier assignment, which the client may still report; -1 for none. */
  stale: number;
}

const COMPACT_AT = 4096;

/**
 * Turns acknowledgements in any order into the offset that may be committed: per partition, the offset below which every record is
 * acknowledged. It commits nothing itself: Committer takes the offsets. Offsets of a partition are tracked in rising order; gaps
 * (compaction, transaction markers) are normal.
 */
export class WatermarkTracker {
  // By topic, then by partition: a key made of both would cost two strings per record.
  readonly #states = new Map<string, Map<number, PartitionState>>();
  #waiting: (() => void)[] = [];
  readonly #released: (records: number) => void;
  #unacked = 0;
  #held = 0;

  /** `released` gets the number of unacknowledged records of partitions that are dropped. */
  constructor(released: (records: number) => void = () => undefined) {
    this.#released = released;
  }

  /** Records handed out and not yet acknowledged. */
  get unacked(): number {
    return this.#unacked;
  }

  /** Records handed out and not yet passed by the watermark: also those acknowledged behind a record that still waits. */
  get held(): number {
    return this.#held;
  }

  /** Starts to track partitions; one that is tracked already starts over. */
  assign(partitions: readonly TrackedStart[]): void {
    this.forget(partitions);
    for (const { topic, partition, offset = -1, isCommitted = true, ...rest } of partitions) {
      const state = {
        topic,
        partition,
        assignment: rest.metadata === undefined ? {} : { metadata: rest.metadata },
        offsets: [],
        acked: [],
        head: 0,
        unacked: 0,
        watermark: isCommitted ? -1 : offset,
        taken: -1,
        committed: offset,
        position: -1,
        last: -1,
        stale: -1,
      };
      const states = this.#states.get(topic);
      if (states === undefined) this.#states.set(topic, new Map([[partition, state]]));
      else states.set(partition, state);
    }
  }

  /** Stops tracking partitions: later acknowledgements for them are ignored, and nothing of them is committed. */
  forget(partitions: readonly Partition[]): void {
    for (const { topic, partition } of partitions) {
      const state = this.#state(topic, partition);
      if (state === undefined) continue;
      this.#unacked -= state.unacked;
      if (state.unacked > 0) this.#released(state.unacked);
      this.#held -= state.offsets.length - state.head;
      this.#states.get(topic)?.delete(partition);
    }
    this.#wake();
  }

  forgetAll(): void {
    this.forget(this.#allStates());
  }

  isAssigned(topic: string, partition: number): boolean {
    return this.#state(topic, partition) !== undefined;
  }

  /**
   * A record is handed out. Returns the assignment to acknowledge it with; undefined, and nothing is tracked, when its partition isn't
   * assigned.
   */
  track({ topic, partition, offset }: PartitionOffset): Assignment | undefined {
    let state = this.#state(topic, partition);
    if (state === undefined) return undefined;
    if (offset <= state.last) {
      // Offsets went back: the log was truncated or recreated.
      this.assign([{ topic, partition, offset, ...state.assignment }]);
      state = this.#state(topic, partition) ?? state;
    }
    state.last = offset;
    state.offsets.push(offset);
    state.acked.push(false);
    state.unacked++;
    this.#unacked++;
    this.#held++;
    return state.assignment;
  }

  /**
   * Acknowledgements may come in any order, twice, or for a revoked partition; those of an earlier assignment don't count for this one.
   * Returns the records that were awaited.
   */
  ack<T extends TrackedOffset>(records: readonly T[]): readonly T[] {
    const awaited = records.filter(({ topic, partition, offset, assignment }) => {
      const state = this.#state(topic, partition);
      if (state === undefined || (assignment !== undefined && assignment !== state.assignment)) return false;
      const index = indexOf(state, offset);
      if (index < 0 || state.acked[index] === true) return false;
      state.acked[index] = true;
      state.unacked--;
      this.#unacked--;
      return true;
    });
    for (const state of this.#allStates()) this.#advance(state);
    this.#wake();
    return awaited;
  }

  /**
   * The client's positions while no poll is under way: every record below them was handed out. What lies between the last record and the
   * position is never handed out (transaction markers, aborted records), so it may be committed once everything is acknowledged.
   */
  reached(positions: readonly (Partition & { readonly offset?: number })[]): void {
    for (const { topic, partition, offset = -1 } of positions) {
      const state = this.#state(topic, partition);
      if (state === undefined || offset < 0 || (state.last < 0 && offset === state.stale)) continue;
      state.position = offset;
      this.#advance(state);
    }
  }

  /**
   * The client's positions right after an assignment: of an earlier one, since the client resets them in another thread. They don't count
   * before a record was handed out.
   */
  ignorePositions(positions: readonly (Partition & { readonly offset?: number })[]): void {
    for (const { topic, partition, offset = -1 } of positions) {
      const state = this.#state(topic, partition);
      if (state !== undefined) state.stale = offset;
    }
  }

  /** The broker has accepted these offsets. */
  committed(offsets: readonly PartitionOffset[]): void {
    for (const { topic, partition, offset } of offsets) {
      const state = this.#state(topic, partition);
      if (state !== undefined) state.committed = offset;
    }
  }

  /** The watermarks are committed: a transaction does that before it acknowledges. */
  commitAll(): void {
    for (const state of this.#allStates()) if (state.watermark >= 0) state.committed = state.watermark;
  }

  /** The assigned partitions, and the offset that the group would continue each from; -1 while it isn't known. */
  assigned(): readonly PartitionOffset[] {
    return this.#allStates().map(({ topic, partition, committed }) => ({ topic, partition, offset: committed }));
  }

  /** The assigned partitions, and the offset to hand out next of each; -1 while it isn't known. */
  next(): readonly PartitionOffset[] {
    return this.#allStates().map(({ topic, partition, last, committed }) => {
      return { topic, partition, offset: last >= 0 ? last + 1 : committed };
    });
  }

  /** The watermarks that moved since the last call: the offsets to commit. */
  takeCommittable(): CommittableOffset[] {
    const moved: CommittableOffset[] = [];
    for (const state of this.#allStates()) {
      if (state.watermark <= state.taken) continue;
      state.taken = state.watermark;
      moved.push({ topic: state.topic, partition: state.partition, offset: state.watermark, ...state.assignment });
    }
    return moved;
  }

  /** The commit of these offsets failed: the next `takeCommittable()` returns them again, or newer ones. */
  restore(offsets: readonly Partition[]): void {
    for (const { topic, partition } of offsets) {
      const state = this.#state(topic, partition);
      if (state !== undefined) state.taken = -1;
    }
  }

  /** Unacknowledged records of these partitions. */
  unackedOf(partitions: readonly Partition[]): number {
    let sum = 0;
    for (const { topic, partition } of partitions) sum += this.#state(topic, partition)?.unacked ?? 0;
    return sum;
  }

  /** Resolves at the next acknowledgement, assignment, revocation or `wake()`. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  wake(): void {
    this.#wake();
  }

  #state(topic: string, partition: number): PartitionState | undefined {
    return this.#states.get(topic)?.get(partition);
  }

  #allStates(): PartitionState[] {
    return [...this.#states.values()].flatMap((states) => [...states.values()]);
  }

  #advance(state: PartitionState): void {
    let head = state.head;
    while (state.acked[head] === true) head++;
    if (head !== state.head) {
      this.#held -= head - state.head;
      // Kafka commits the next offset to read, not the last one read.
      state.watermark = (state.offsets[head - 1] ?? state.watermark) + 1;
      state.head = head;
      if (head >= COMPACT_AT && head * 2 >= state.offsets.length) {
        state.offsets = state.offsets.slice(head);
        state.acked = state.acked.slice(head);
        state.head = 0;
      }
    }
    const isDrained = state.head === state.offsets.length;
    const known = Math.max(state.watermark, state.committed);
    if (isDrained && state.position > known) state.watermark = state.position;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Binary search: the offsets rise, and there may be thousands. */
function indexOf(state: PartitionState, offset: number): number {
  let low = state.head;
  let high = state.offsets.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = state.offsets[middle] ?? Number.NaN;
    if (found === offset) return middle;
    if (found < offset) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
