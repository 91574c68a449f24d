import type { Partition, PartitionOffset } from '../client/client.ts';

/** What is known of one assigned partition: the offsets handed out and not yet passed by the watermark, oldest first. */
interface Lane {
  readonly topic: string;
  readonly partition: number;
  offsets: number[];
  acked: boolean[];
  /** Where the oldest offset stands in the two arrays; they are cut from time to time, not at each step. */
  head: number;
  unacked: number;
  /** The offset to commit next, or -1 before the first ack. */
  watermark: number;
  taken: number;
  /** The offset handed out last. */
  last: number;
}

const COMPACT_AT = 4096;

/**
 * Turns acks in any order into the offset that may be committed: per partition, the offset below which every record is acked.
 * Offsets of a partition are tracked in rising order; gaps (compaction, transaction markers) are normal.
 */
export class WatermarkTracker {
  // By topic, then by partition: a key made of both would be made anew for each record, twice.
  readonly #lanes = new Map<string, Map<number, Lane>>();
  #waiting: (() => void)[] = [];
  readonly #released: (records: number) => void;
  #unacked = 0;
  #held = 0;

  /** `released` is told of unacked records whose account is dropped: how many. */
  constructor(released: (records: number) => void = () => undefined) {
    this.#released = released;
  }

  /** Records handed out and not yet acked. */
  get unacked(): number {
    return this.#unacked;
  }

  /** Records handed out and not yet passed by the watermark: the unacked, and what was acked behind a record that still waits. */
  get held(): number {
    return this.#held;
  }

  /** Begins (or begins anew) a partition's account. */
  assign(partitions: readonly Partition[]): void {
    this.forget(partitions);
    for (const { topic, partition } of partitions) {
      const lane = {
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
      const lanes = this.#lanes.get(topic);
      if (lanes === undefined) this.#lanes.set(topic, new Map([[partition, lane]]));
      else lanes.set(partition, lane);
    }
  }

  /** Drops a partition's account: later acks for it are ignored, and nothing of it is ever taken for a commit again. */
  forget(partitions: readonly Partition[]): void {
    for (const { topic, partition } of partitions) {
      const lane = this.#lane(topic, partition);
      if (lane === undefined) continue;
      this.#unacked -= lane.unacked;
      if (lane.unacked > 0) this.#released(lane.unacked);
      this.#held -= lane.offsets.length - lane.head;
      this.#lanes.get(topic)?.delete(partition);
    }
    this.#wake();
  }

  forgetAll(): void {
    this.forget(this.#allLanes());
  }

  isAssigned(topic: string, partition: number): boolean {
    return this.#lane(topic, partition) !== undefined;
  }

  /** A record is handed out. Returns false, and tracks nothing, when its partition isn't assigned (any more). */
  track({ topic, partition, offset }: PartitionOffset): boolean {
    let lane = this.#lane(topic, partition);
    if (lane === undefined) return false;
    if (offset <= lane.last) {
      // Offsets went back: the log was cut or made anew. What is in flight of the old one must not vouch for the new one.
      this.assign([{ topic, partition }]);
      lane = this.#lane(topic, partition) ?? lane;
    }
    lane.last = offset;
    lane.offsets.push(offset);
    lane.acked.push(false);
    lane.unacked++;
    this.#unacked++;
    this.#held++;
    return true;
  }

  /** Acks may come in any order, twice, or for a partition that has gone. Returns those that were awaited. */
  ack<T extends PartitionOffset>(records: readonly T[]): readonly T[] {
    const awaited = records.filter(({ topic, partition, offset }) => {
      const lane = this.#lane(topic, partition);
      if (lane === undefined) return false;
      const index = indexOf(lane, offset);
      if (index < 0 || lane.acked[index] === true) return false;
      lane.acked[index] = true;
      lane.unacked--;
      this.#unacked--;
      return true;
    });
    for (const lane of this.#allLanes()) this.#advance(lane);
    this.#wake();
    return awaited;
  }

  /** The watermarks that moved since the last call: offsets to store for commit. */
  takeCommittable(): PartitionOffset[] {
    const moved: PartitionOffset[] = [];
    for (const lane of this.#allLanes()) {
      if (lane.watermark <= lane.taken) continue;
      lane.taken = lane.watermark;
      moved.push({ topic: lane.topic, partition: lane.partition, offset: lane.watermark });
    }
    return moved;
  }

  /** The store of these offsets failed: they are taken again next time. */
  restore(offsets: readonly Partition[]): void {
    for (const { topic, partition } of offsets) {
      const lane = this.#lane(topic, partition);
      if (lane !== undefined) lane.taken = -1;
    }
  }

  /** Records of these partitions that are still unacked. */
  unackedOf(partitions: readonly Partition[]): number {
    let sum = 0;
    for (const { topic, partition } of partitions) sum += this.#lane(topic, partition)?.unacked ?? 0;
    return sum;
  }

  /** Resolves at the next ack, assignment or `wake()`. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  wake(): void {
    this.#wake();
  }

  #lane(topic: string, partition: number): Lane | undefined {
    return this.#lanes.get(topic)?.get(partition);
  }

  #allLanes(): Lane[] {
    return [...this.#lanes.values()].flatMap((lanes) => [...lanes.values()]);
  }

  #advance(lane: Lane): void {
    let head = lane.head;
    while (lane.acked[head] === true) head++;
    if (head === lane.head) return;
    this.#held -= head - lane.head;
    // Kafka commits the next offset to read, not the last one read.
    lane.watermark = (lane.offsets[head - 1] ?? lane.watermark) + 1;
    lane.head = head;
    if (head >= COMPACT_AT && head * 2 >= lane.offsets.length) {
      lane.offsets = lane.offsets.slice(head);
      lane.acked = lane.acked.slice(head);
      lane.head = 0;
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Binary search: offsets rise, and an ack may be for any of thousands. */
function indexOf(lane: Lane, offset: number): number {
  let low = lane.head;
  let high = lane.offsets.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = lane.offsets[middle] ?? Number.NaN;
    if (found === offset) return middle;
    if (found < offset) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
