import type { Partition, PartitionOffset } from '../client/client.ts';

/** One assigned partition: the offsets handed out and not yet passed by the watermark, oldest first. */
interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  offsets: number[];
  acked: boolean[];
  /** Index of the oldest offset in the two arrays. They are cut only now and then, since each cut copies them. */
  head: number;
  unacked: number;
  /** The offset to commit next, or -1 before the first acknowledgement. */
  watermark: number;
  /** The watermark that was taken for a commit last, or -1. */
  taken: number;
  /** The offset handed out last. */
  last: number;
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
  assign(partitions: readonly Partition[]): void {
    this.forget(partitions);
    for (const { topic, partition } of partitions) {
      const state = {
        topic,
        partition,
        offsets: [],
        acked: [],
        head: 0,
        unacked: 0,
        watermark: -1,
        taken: -1,
        last: -1,
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

  /** A record is handed out. Returns false, and tracks nothing, when its partition isn't assigned. */
  track({ topic, partition, offset }: PartitionOffset): boolean {
    let state = this.#state(topic, partition);
    if (state === undefined) return false;
    if (offset <= state.last) {
      // Offsets went back: the log was truncated or recreated. Acknowledgements of the old log don't count for the new one.
      this.assign([{ topic, partition }]);
      state = this.#state(topic, partition) ?? state;
    }
    state.last = offset;
    state.offsets.push(offset);
    state.acked.push(false);
    state.unacked++;
    this.#unacked++;
    this.#held++;
    return true;
  }

  /** Acknowledgements may come in any order, twice, or for a revoked partition. Returns the records that were awaited. */
  ack<T extends PartitionOffset>(records: readonly T[]): readonly T[] {
    const awaited = records.filter(({ topic, partition, offset }) => {
      const state = this.#state(topic, partition);
      if (state === undefined) return false;
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

  /** The watermarks that moved since the last call: the offsets to commit. */
  takeCommittable(): PartitionOffset[] {
    const moved: PartitionOffset[] = [];
    for (const state of this.#allStates()) {
      if (state.watermark <= state.taken) continue;
      state.taken = state.watermark;
      moved.push({ topic: state.topic, partition: state.partition, offset: state.watermark });
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
    if (head === state.head) return;
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
