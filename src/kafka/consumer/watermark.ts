import type { Partition, PartitionOffset } from '../client/client.ts';

/** Where an assigned partition starts, and the metadata that is committed with its offsets. */
export interface TrackedStart extends Partition {
  /** The first offset to consume; without one the client chooses. */
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
 * Identifies one assignment of a partition. Each restart of tracking creates a new object, and an acknowledgement counts only with the
 * object under which its record was tracked.
 */
export interface Assignment {
  /** Committed with every offset of the assignment (commit-metadata.ts). */
  readonly metadata?: string;
}

/** The offset of a tracked record. Without an assignment, it counts for the current one. */
export interface TrackedOffset extends PartitionOffset {
  readonly assignment?: Assignment;
}

/** One assigned partition, with its emitted offsets above the watermark, oldest first. */
interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  readonly assignment: Assignment;
  offsets: number[];
  acked: boolean[];
  /** Index of the oldest offset in the two arrays. They are rarely compacted, since that copies them. */
  head: number;
  unacked: number;
  /** The offset to commit next, or -1 before it is known. */
  watermark: number;
  /** The watermark that `takeCommittable` returned last, or -1. */
  taken: number;
  /** The group's offset: the start offset, then each committed one; -1 while it is unknown. */
  committed: number;
  /** The client's position after a poll: every record below it was emitted. -1 before the first poll. */
  position: number;
  /** The offset of the last emitted record, or -1. */
  last: number;
  /** A position of an earlier assignment that the client may still report, or -1. */
  stale: number;
}

const COMPACT_AT = 4096;

/**
 * Computes the committable offset of each partition, the watermark: every record below it is acknowledged. Acknowledgements may come in
 * any order. The Committer commits the offsets. Records of a partition are tracked in ascending order of their offsets; gaps (compaction,
 * transaction markers) are normal.
 */
export class WatermarkTracker {
  // By topic, then by partition: a combined key would cost two strings per record.
  readonly #states = new Map<string, Map<number, PartitionState>>();
  #waiting: (() => void)[] = [];
  readonly #released: (records: number) => void;
  #unacked = 0;
  #held = 0;

  /** `released` is called with the number of unacknowledged records of partitions that are no longer tracked. */
  constructor(released: (records: number) => void = () => undefined) {
    this.#released = released;
  }

  /** The number of emitted records that are not acknowledged. */
  get unacked(): number {
    return this.#unacked;
  }

  /** The number of emitted records above the watermark, including those acknowledged out of order. */
  get held(): number {
    return this.#held;
  }

  /** Starts to track partitions. Tracking restarts for a partition that is already tracked. */
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
   * To be called for each emitted record. Returns the assignment to acknowledge it with. Returns undefined and tracks nothing when its
   * partition isn't assigned.
   */
  track({ topic, partition, offset }: PartitionOffset): Assignment | undefined {
    let state = this.#state(topic, partition);
    if (state === undefined) return undefined;
    if (offset <= state.last) {
      // The offset moved backwards: the log was truncated or recreated.
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
   * Acknowledges records, in any order. Repeated acknowledgements, and those for a revoked partition or an earlier assignment, are
   * ignored. Returns the records that were unacknowledged until now.
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
   * To be called between two polls with the client's positions: every record below them was emitted. Offsets between the last record and
   * the position are never delivered (transaction markers, aborted records), so the position may be committed once every record is
   * acknowledged.
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
   * To be called with the client's positions right after an assignment. They still belong to an earlier one, since another thread resets
   * them, and are ignored until a record is emitted.
   */
  ignorePositions(positions: readonly (Partition & { readonly offset?: number })[]): void {
    for (const { topic, partition, offset = -1 } of positions) {
      const state = this.#state(topic, partition);
      if (state !== undefined) state.stale = offset;
    }
  }

  /** To be called when the broker has accepted the commit of these offsets. */
  committed(offsets: readonly PartitionOffset[]): void {
    for (const { topic, partition, offset } of offsets) {
      const state = this.#state(topic, partition);
      if (state !== undefined) state.committed = offset;
    }
  }

  /** Marks all watermarks as committed. A transaction commits them before it acknowledges its records. */
  commitAll(): void {
    for (const state of this.#allStates()) if (state.watermark >= 0) state.committed = state.watermark;
  }

  /** The assigned partitions with the group's offset of each; -1 while it is unknown. */
  assigned(): readonly PartitionOffset[] {
    return this.#allStates().map(({ topic, partition, committed }) => ({ topic, partition, offset: committed }));
  }

  /** The assigned partitions with the next offset to emit of each; -1 while it is unknown. */
  next(): readonly PartitionOffset[] {
    return this.#allStates().map(({ topic, partition, last, committed }) => {
      return { topic, partition, offset: last >= 0 ? last + 1 : committed };
    });
  }

  /** The assigned partitions with the next offset to read of each, which is behind records that are never delivered; -1 while unknown. */
  positions(): readonly PartitionOffset[] {
    return this.#allStates().map(({ topic, partition, last, committed, position }) => {
      return { topic, partition, offset: Math.max(last >= 0 ? last + 1 : committed, position) };
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

  /** The number of unacknowledged records of these partitions. */
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

/** Binary search: the offsets ascend, and there may be thousands. */
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
