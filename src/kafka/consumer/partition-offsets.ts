import type { WaitReason } from '../../ports.ts';
import type { Partition, PartitionOffset } from '../client/types.ts';
import type { LogIdentity } from './commit-metadata.ts';
import type { DoneRanges } from './done-ranges.ts';

/**
 * Identifies one assignment of a partition. Each restart of tracking creates a new object, and an acknowledgement counts only with the
 * object under which its record was tracked.
 */
export interface Assignment {
  /** The log that the assignment consumes; undefined where the brokers have no topic ids. */
  readonly log?: LogIdentity;
}

/** A record that waits. */
export interface Waiting {
  readonly reason: WaitReason;
  /** What it holds in memory, about. */
  readonly bytes: number;
}

/** How far the processing of an assigned partition is. */
export interface PartitionProgress extends Partition {
  /** The oldest emitted record that is not acknowledged; undefined when there is none. */
  readonly oldest?: OldestRecord;
  /** The next offset to emit; -1 while it is unknown. */
  readonly next: number;
  readonly inFlight: number;
  readonly waiting: number;
  readonly waitingBytes: number;
  /** The number of waiting records by what they wait for. */
  readonly waitingFor: Readonly<Partial<Record<WaitReason, number>>>;
}

/** The oldest emitted record of a partition that is not acknowledged. */
export interface OldestRecord {
  readonly offset: number;
  /** Its timestamp in milliseconds since the epoch; undefined when it has none. */
  readonly timestamp?: number;
  /** What it waits for; undefined while it is in flight. */
  readonly waitsFor?: WaitReason;
}

/**
 * What the acknowledgement of an unacknowledged record does to the list of the done offsets. The oldest one's moves the watermark, which
 * shortens the list. Below a done offset, a gap closes, and with few exceptions the list becomes shorter. Above, the list grows.
 */
export type Gap = 'oldest' | 'closable';

/** What may be committed of a partition. */
export interface CommittableOffset extends PartitionOffset {
  readonly log?: LogIdentity;
  /** The done offsets above `offset`, for the commit's metadata. */
  readonly done: DoneRanges;
}

/** Where an assigned partition starts. */
export interface PartitionStart {
  /** The first offset to consume, or -1: the client chooses. */
  readonly offset: number;
  /** Whether `offset` is already the committed one. Otherwise it is committed with the next commit. */
  readonly isCommitted: boolean;
  /** The offsets above `offset` that are done. */
  readonly done: DoneRanges;
}

/** Acknowledged entries are removed once there are this many, and no fewer than the others: removing them copies the others. */
const COMPACT_AT = 4096;

/**
 * The emitted offsets of one partition that are not acknowledged. Everything else between the watermark and the last emitted offset is
 * done, so acknowledged records above the watermark cost almost no memory. Offsets that were never delivered (compaction, transaction markers)
 * count as done, too.
 */
export class PartitionOffsets {
  readonly topic: string;
  readonly partition: number;
  readonly assignment: Assignment;
  /** The group's offset: the start offset, then each committed one; -1 while it is unknown. */
  committed: number;
  /** A position of an earlier assignment that the client may still report, or -1. */
  stale = -1;
  /** Emitted offsets in ascending order, the oldest at `#head`, with whether each is acknowledged. */
  #offsets: number[] = [];
  #acked: boolean[] = [];
  /** Their timestamps in milliseconds, or -1. */
  #timestamps: number[] = [];
  #head = 0;
  #unacked = 0;
  /** The unacknowledged records that wait, by offset. */
  readonly #waiting = new Map<number, Waiting>();
  #waitingBytes = 0;
  /** The unacknowledged records that have waited and are in flight again. */
  readonly #resumed = new Set<number>();
  /** The offsets below it are done; -1 while it is unknown. */
  #watermark: number;
  /** The watermark that `takeCommittable` returned last, or -1. */
  #taken: number;
  /** Whether the done offsets above the watermark changed since `takeCommittable`. */
  #isChanged = false;
  /** The client's position after a poll: every record below it was emitted. -1 before the first poll. */
  #position = -1;
  /** The offset of the last record that was emitted, or skipped because it is done; or -1. */
  #last = -1;
  /** The done offsets that were committed by an earlier assignment, of which those at `#earlierAt` and later are above `#last`. */
  readonly #earlier: DoneRanges;
  #earlierAt = 0;
  /** The highest offset that is acknowledged, or that an earlier assignment has done; or -1. */
  #highestDone: number;

  constructor(topic: string, partition: number, assignment: Assignment, { offset, isCommitted, done }: PartitionStart) {
    this.topic = topic;
    this.partition = partition;
    this.assignment = assignment;
    this.committed = offset;
    this.#watermark = isCommitted ? -1 : offset;
    this.#taken = isCommitted ? offset : -1;
    this.#earlier = done;
    this.#highestDone = (done.at(-1) ?? 0) - 1;
  }

  /** The number of emitted records that are not acknowledged. */
  get unacked(): number {
    return this.#unacked;
  }

  /** The number of records that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** The number of records that have waited and are in flight again. */
  get resumed(): number {
    return this.#resumed.size;
  }

  /** The size of the records that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** The offset of the last record that was emitted or skipped, or -1. */
  get last(): number {
    return this.#last;
  }

  /** The next offset to emit; -1 while it is unknown. */
  get next(): number {
    return this.#last >= 0 ? this.#last + 1 : this.committed;
  }

  /** The next offset to read, after records that are never delivered; -1 while it is unknown. */
  get nextToRead(): number {
    return Math.max(this.next, this.#position);
  }

  get progress(): PartitionProgress {
    const { topic, partition, next, waiting, waitingBytes } = this;
    const oldest = this.#oldest;
    const inFlight = this.#unacked - waiting;
    const waitingFor: Partial<Record<WaitReason, number>> = {};
    for (const { reason } of this.#waiting.values()) waitingFor[reason] = (waitingFor[reason] ?? 0) + 1;
    return {
      topic,
      partition,
      next,
      inFlight,
      waiting,
      waitingBytes,
      waitingFor,
      ...(oldest === undefined ? {} : { oldest }),
    };
  }

  get #oldest(): OldestRecord | undefined {
    const offset = this.#offsets[this.#head];
    if (offset === undefined) return undefined;
    const timestamp = this.#timestamps[this.#head] ?? -1;
    const reason = this.#waiting.get(offset)?.reason;
    return {
      offset,
      ...(timestamp < 0 ? {} : { timestamp }),
      ...(reason === undefined ? {} : { waitsFor: reason }),
    };
  }

  /** To be called for each delivered record, in ascending order. Returns false for a record that is done: it must not be emitted. */
  track(offset: number, timestamp = -1): boolean {
    this.#last = offset;
    if (this.#earlierAt < this.#earlier.length && this.#isDone(offset)) {
      if (this.#unacked === 0) this.#advance();
      return false;
    }
    this.#offsets.push(offset);
    this.#acked.push(false);
    this.#timestamps.push(timestamp);
    this.#unacked++;
    return true;
  }

  /** Whether the offset was emitted and is not acknowledged. */
  isAwaited(offset: number): boolean {
    const index = this.#indexOf(offset);
    return index >= 0 && this.#acked[index] === false;
  }

  /** See `Gap`. */
  gapAt(offset: number): Gap | undefined {
    if (offset === this.#offsets[this.#head]) return 'oldest';
    return offset < this.#highestDone ? 'closable' : undefined;
  }

  /** Returns false when the offset was not waiting for an acknowledgement. */
  ack(offset: number): boolean {
    const index = this.#indexOf(offset);
    if (index < 0 || this.#acked[index] === true) return false;
    this.#acked[index] = true;
    this.#unacked--;
    this.#isChanged = true;
    this.#highestDone = Math.max(this.#highestDone, offset);
    this.#endWait(offset);
    this.#resumed.delete(offset);
    return true;
  }

  /** An emitted record begins to wait. */
  waits(offset: number, waiting: Waiting): void {
    if (!this.isAwaited(offset)) return;
    this.#endWait(offset);
    this.#resumed.delete(offset);
    this.#waiting.set(offset, waiting);
    this.#waitingBytes += waiting.bytes;
  }

  /** A record no longer waits. */
  resumes(offset: number): void {
    if (this.#endWait(offset)) this.#resumed.add(offset);
  }

  /** To be called after acknowledgements: moves the watermark. */
  acknowledged(): void {
    this.#advance();
    const removable = this.#offsets.length - this.#unacked;
    if (removable >= COMPACT_AT && removable >= this.#unacked) this.#compact();
  }

  /** The client's position between two polls. Once every emitted record is acknowledged, it may be committed. */
  reached(position: number): void {
    if (this.#last < 0 && position === this.stale) return;
    this.#position = position;
    this.#advance();
  }

  /** What to commit, if it changed since the last call. */
  takeCommittable(): CommittableOffset | undefined {
    if (this.#watermark <= this.#taken && !this.#isChanged) return undefined;
    this.#advance();
    if (this.#watermark < 0) return undefined;
    this.#taken = this.#watermark;
    this.#isChanged = false;
    return this.#committable(this.#watermark, NOTHING);
  }

  /** The next `takeCommittable()` returns a commit in any case. */
  restore(): void {
    this.#taken = -1;
  }

  /** What could be committed if these offsets were acknowledged, too. */
  preview(offsets: ReadonlySet<number>): CommittableOffset {
    return this.#committable(this.#floor(offsets), offsets);
  }

  /** Returns whether the record waited. */
  #endWait(offset: number): boolean {
    if (this.#waiting.size === 0) return false;
    this.#waitingBytes -= this.#waiting.get(offset)?.bytes ?? 0;
    return this.#waiting.delete(offset);
  }

  #committable(watermark: number, offsets: ReadonlySet<number>): CommittableOffset {
    const { topic, partition, assignment } = this;
    return { topic, partition, offset: watermark, ...assignment, done: this.#doneAbove(watermark, offsets) };
  }

  /** `offsets` count as acknowledged. */
  #doneAbove(watermark: number, offsets: ReadonlySet<number>): DoneRanges {
    const ranges: number[] = [];
    let at = watermark;
    for (let i = this.#head; i < this.#offsets.length; i++) {
      const offset = this.#offsets[i] ?? 0;
      if (offset < at || this.#acked[i] === true || offsets.has(offset)) continue;
      if (offset > at) ranges.push(at, offset);
      at = offset + 1;
    }
    if (this.#last >= at) {
      ranges.push(at, this.#last + 1);
      at = this.#last + 1;
    }
    for (let i = this.#earlierAt; i < this.#earlier.length; i += 2) {
      const from = Math.max(at, this.#earlier[i] ?? 0);
      const to = this.#earlier[i + 1] ?? 0;
      if (to <= from) continue;
      if (from === ranges.at(-1)) ranges[ranges.length - 1] = to;
      else ranges.push(from, to);
    }
    return ranges;
  }

  /** Whether an earlier assignment has done this offset. Offsets are asked for in ascending order. */
  #isDone(offset: number): boolean {
    while (offset >= (this.#earlier[this.#earlierAt + 1] ?? Number.POSITIVE_INFINITY)) this.#earlierAt += 2;
    return offset >= (this.#earlier[this.#earlierAt] ?? Number.POSITIVE_INFINITY);
  }

  #advance(): void {
    while (this.#acked[this.#head] === true) this.#head++;
    this.#watermark = this.#floor(NOTHING);
  }

  /** The watermark if these offsets were acknowledged, too. */
  #floor(offsets: ReadonlySet<number>): number {
    for (let i = this.#head; i < this.#offsets.length; i++) {
      const offset = this.#offsets[i] ?? 0;
      if (this.#acked[i] !== true && !offsets.has(offset)) return Math.max(this.#watermark, offset);
    }
    const known = Math.max(this.#watermark, this.committed, this.#last + 1, this.#position);
    for (let i = this.#earlierAt; i < this.#earlier.length; i += 2) {
      const from = this.#earlier[i] ?? 0;
      if (from > known) break;
      if (known < (this.#earlier[i + 1] ?? 0)) return this.#earlier[i + 1] ?? known;
    }
    return known;
  }

  #compact(): void {
    const offsets: number[] = [];
    const timestamps: number[] = [];
    for (let i = this.#head; i < this.#offsets.length; i++) {
      if (this.#acked[i] === true) continue;
      offsets.push(this.#offsets[i] ?? 0);
      timestamps.push(this.#timestamps[i] ?? -1);
    }
    this.#offsets = offsets;
    this.#timestamps = timestamps;
    this.#acked = new Array<boolean>(offsets.length).fill(false);
    this.#head = 0;
  }

  /** Binary search: the offsets ascend, and there may be thousands. */
  #indexOf(offset: number): number {
    let low = this.#head;
    let high = this.#offsets.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#offsets[middle] ?? Number.NaN;
      if (found === offset) return middle;
      if (found < offset) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

const NOTHING: ReadonlySet<number> = new Set();
