import { Subject } from 'rxjs';
import type { Partition, PartitionOffset } from '../client/client.ts';
import type { LogIdentity } from './commit-metadata.ts';
import type { DoneRanges } from './done-ranges.ts';
import {
  type Assignment,
  type CommittableOffset,
  type Gap,
  PartitionOffsets,
  type PartitionProgress,
  type Waiting,
} from './partition-offsets.ts';

/** Where an assigned partition starts, and what is committed with its offsets. */
export interface TrackedStart extends Partition {
  /** The first offset to consume; without one the client chooses. */
  readonly offset?: number;
  /** Whether `offset` is already the committed one (default). Otherwise it is committed with the next commit. */
  readonly isCommitted?: boolean;
  readonly log?: LogIdentity;
  /** The offsets above `offset` that are done. */
  readonly done?: DoneRanges;
}

/** The offset of a tracked record. Without an assignment, it counts for the current one. */
export interface TrackedOffset extends PartitionOffset {
  readonly assignment?: Assignment;
}

/** The offset of a delivered record, with its timestamp in milliseconds since the epoch. */
export interface DeliveredOffset extends PartitionOffset {
  readonly timestamp?: number;
}

/**
 * Tracks the acknowledgements of emitted records. They may come in any order. What may be committed of a partition is its watermark, below
 * which every record is acknowledged, with the done offsets above it. The Committer commits it. Records of a partition are tracked in
 * ascending order of their offsets.
 */
export class WatermarkTracker {
  // By topic, then by partition: a combined key would cost two strings per record.
  readonly #states = new Map<string, Map<number, PartitionOffsets>>();
  #waiting: (() => void)[] = [];
  readonly #released: (records: number) => void;
  #unacked = 0;

  /** Emits when partitions are no longer tracked, so that none of their records is awaited. */
  readonly revoked$ = new Subject<void>();

  /** `released` is called with the number of unacknowledged records of a partition that is no longer tracked. */
  constructor(released: (records: number) => void = () => undefined) {
    this.#released = released;
  }

  /** The number of emitted records that are not acknowledged. */
  get unacked(): number {
    return this.#unacked;
  }

  /** The number of emitted records that wait. They are not acknowledged either. */
  get waiting(): number {
    return this.#sum((state) => state.waiting);
  }

  /** The size of the records that wait, in bytes. */
  get waitingBytes(): number {
    return this.#sum((state) => state.waitingBytes);
  }

  /** The number of records in flight that have waited. */
  get resumed(): number {
    return this.#sum((state) => state.resumed);
  }

  /** The number of emitted records that are neither acknowledged nor waiting. */
  get inFlight(): number {
    return this.#unacked - this.waiting;
  }

  /** Starts to track partitions. Tracking restarts for a partition that is already tracked. */
  assign(partitions: readonly TrackedStart[]): void {
    this.forget(partitions);
    for (const { topic, partition, offset = -1, isCommitted = true, log, done = [] } of partitions) {
      const assignment = log === undefined ? {} : { log };
      const state = new PartitionOffsets(topic, partition, assignment, { offset, isCommitted, done });
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
      this.#states.get(topic)?.delete(partition);
      if (state.unacked > 0) this.#released(state.unacked);
    }
    this.revoked$.next();
    this.#wake();
  }

  forgetAll(): void {
    this.forget(this.#allStates());
  }

  isAssigned(topic: string, partition: number): boolean {
    return this.#state(topic, partition) !== undefined;
  }

  /**
   * To be called for each delivered record. Returns the assignment to emit and acknowledge it with; `done` when an earlier assignment has
   * acknowledged it, so that it must not be emitted; undefined when its partition isn't assigned.
   */
  track({ topic, partition, offset, timestamp }: DeliveredOffset): Assignment | 'done' | undefined {
    let state = this.#state(topic, partition);
    if (state === undefined) return undefined;
    if (offset <= state.last) {
      // The offset moved backwards: the log was truncated or recreated, so nothing of it is known to be done.
      this.assign([{ topic, partition, offset, ...state.assignment }]);
      state = this.#state(topic, partition) ?? state;
    }
    if (!state.track(offset, timestamp)) return 'done';
    this.#unacked++;
    return state.assignment;
  }

  /**
   * Acknowledges records, in any order. Repeated acknowledgements, and those for a revoked partition or an earlier assignment, are
   * ignored. Returns the records that were unacknowledged until now.
   */
  ack<T extends TrackedOffset>(records: readonly T[]): readonly T[] {
    const changed = new Set<PartitionOffsets>();
    const awaited = records.filter((record) => {
      const state = this.#current(record);
      if (state === undefined || !state.ack(record.offset)) return false;
      changed.add(state);
      this.#unacked--;
      return true;
    });
    for (const state of changed) state.acknowledged();
    this.#wake();
    return awaited;
  }

  /** Emitted records begin to wait. Those of revoked partitions and earlier assignments are ignored. */
  waits(records: readonly (TrackedOffset & Waiting)[]): void {
    for (const record of records) {
      const { offset, reason, bytes } = record;
      this.#current(record)?.waits(offset, { reason, bytes });
    }
    this.#wake();
  }

  /** Records no longer wait. Those of revoked partitions and earlier assignments are ignored. */
  resumes(records: readonly TrackedOffset[]): void {
    for (const record of records) this.#current(record)?.resumes(record.offset);
  }

  /**
   * To be called between two polls with the client's positions: every record below them was emitted. Offsets between the last record and
   * the position are never delivered (transaction markers, aborted records), so the position may be committed once every record is
   * acknowledged.
   */
  reached(positions: readonly (Partition & { readonly offset?: number })[]): void {
    for (const { topic, partition, offset = -1 } of positions)
      if (offset >= 0) this.#state(topic, partition)?.reached(offset);
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

  /** The assigned partitions with the group's offset of each; -1 while it is unknown. */
  assigned(): readonly PartitionOffset[] {
    return this.#allStates().map(({ topic, partition, committed }) => ({ topic, partition, offset: committed }));
  }

  /** The assigned partitions with the next offset to emit of each; -1 while it is unknown. */
  next(): readonly PartitionOffset[] {
    return this.#allStates().map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
  }

  /** The assigned partitions with the next offset to read of each, after records that are never delivered; -1 while unknown. */
  positions(): readonly PartitionOffset[] {
    return this.#allStates().map(({ topic, partition, nextToRead }) => ({ topic, partition, offset: nextToRead }));
  }

  /** How far each assigned partition is. */
  progress(): readonly PartitionProgress[] {
    return this.#allStates().map(({ progress }) => progress);
  }

  /** What changed since the last call: the offsets to commit. */
  takeCommittable(): readonly CommittableOffset[] {
    return this.#allStates().flatMap((state) => state.takeCommittable() ?? []);
  }

  /** The commit of these offsets failed: the next `takeCommittable()` returns them again, or newer ones. */
  restore(offsets: readonly Partition[]): void {
    for (const { topic, partition } of offsets) this.#state(topic, partition)?.restore();
  }

  /** Whether this record still waits for its acknowledgement under its assignment. */
  isAwaited(record: TrackedOffset): boolean {
    return this.#current(record)?.isAwaited(record.offset) ?? false;
  }

  /** Which kind of gap an unacknowledged record of a current assignment is. */
  gapAt(record: TrackedOffset): Gap | undefined {
    return this.#current(record)?.gapAt(record.offset);
  }

  /** What could be committed of a partition if these offsets were acknowledged, too; undefined when it isn't assigned. */
  preview({ topic, partition }: Partition, offsets: ReadonlySet<number>): CommittableOffset | undefined {
    return this.#state(topic, partition)?.preview(offsets);
  }

  /** The number of unacknowledged records of these partitions. */
  unackedOf(partitions: readonly Partition[]): number {
    return partitions.reduce((sum, { topic, partition }) => sum + (this.#state(topic, partition)?.unacked ?? 0), 0);
  }

  /** The number of records of these partitions that are neither acknowledged nor waiting. */
  inFlightOf(partitions: readonly Partition[]): number {
    return partitions.reduce((sum, { topic, partition }) => {
      const state = this.#state(topic, partition);
      return state === undefined ? sum : sum + state.unacked - state.waiting;
    }, 0);
  }

  /** Resolves at the next acknowledgement, assignment, revocation or `wake()`. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  wake(): void {
    this.#wake();
  }

  #state(topic: string, partition: number): PartitionOffsets | undefined {
    return this.#states.get(topic)?.get(partition);
  }

  /** The partition of a record, if it is still assigned as it was when the record was tracked. */
  #current({ topic, partition, assignment }: TrackedOffset): PartitionOffsets | undefined {
    const state = this.#state(topic, partition);
    return assignment === undefined || assignment === state?.assignment ? state : undefined;
  }

  #sum(of: (state: PartitionOffsets) => number): number {
    let sum = 0;
    for (const states of this.#states.values()) for (const state of states.values()) sum += of(state);
    return sum;
  }

  #allStates(): PartitionOffsets[] {
    return [...this.#states.values()].flatMap((states) => [...states.values()]);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
