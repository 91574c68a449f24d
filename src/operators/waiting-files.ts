import { asyncScheduler, Observable, type SchedulerLike, type Subscriber, timer } from 'rxjs';
import type { WaitReason } from '../ports.ts';
import type { ConsumedRecord, StoredFile } from '../records/records.ts';
import { parseRecord } from './parse-records.ts';

/** A record that waits for its file. */
export interface WaitingFile {
  readonly source: ConsumedRecord;
  readonly reason: WaitReason;
  /** How long it has waited when it is due, in milliseconds; times in which the storage did not answer are not included. */
  readonly waitedMs: number;
  /** When its batch was full or its period was over, by `performance.now()`. */
  readonly closedAt: number;
}

/** Records are tried together that are due within this time, in milliseconds. */
const TICK_MS = 50;
/** Maximum number of records that are tried together. */
const MOST = 100;

/**
 * Records that wait for their files. Tens of thousands may wait: each costs its own bytes and little more, and records that are due at
 * about the same time are tried together.
 */
export class WaitingFiles {
  readonly #scheduler: SchedulerLike;
  /** By the tick at which they are due. */
  readonly #ticks = new Map<number, WaitingFile[]>();
  #subscriber: Subscriber<readonly WaitingFile[]> | undefined;
  #ended = false;

  constructor(scheduler: SchedulerLike = asyncScheduler) {
    this.#scheduler = scheduler;
  }

  /** Emits the records that are due, at most MOST at a time. Completes at `end()`. */
  readonly due$ = new Observable<readonly WaitingFile[]>((subscriber) => {
    this.#subscriber = subscriber;
    if (this.#ended) subscriber.complete();
  });

  /** Whether `end()` was called. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Holds a record for `pauseMs`. Returns false after `end()`. */
  add(held: WaitingFile, pauseMs: number): boolean {
    if (this.#ended) return false;
    const tick = Math.ceil((this.#scheduler.now() + pauseMs) / TICK_MS);
    const others = this.#ticks.get(tick);
    if (others === undefined) {
      this.#ticks.set(tick, [held]);
      // A subscription that has ended leaves the subscriber; a scheduled action would never leave it.
      const delay = tick * TICK_MS - this.#scheduler.now();
      this.#subscriber?.add(timer(delay, this.#scheduler).subscribe(() => this.#emit(tick)));
    } else others.push(held);
    return true;
  }

  /** Drops the records that are not wanted. Returns their number. */
  keep(isWanted: (held: WaitingFile) => boolean): number {
    let dropped = 0;
    for (const [tick, held] of this.#ticks) {
      const wanted = held.filter(isWanted);
      dropped += held.length - wanted.length;
      // The tick keeps its timer, also without records.
      this.#ticks.set(tick, wanted);
    }
    return dropped;
  }

  /** Holds no record any more. Returns those that were held. */
  end(): readonly WaitingFile[] {
    this.#ended = true;
    const held = [...this.#ticks.values()].flat();
    this.#ticks.clear();
    this.#subscriber?.complete();
    return held;
  }

  #emit(tick: number): void {
    const due = this.#ticks.get(tick) ?? [];
    this.#ticks.delete(tick);
    for (let i = 0; i < due.length; i += MOST) this.#subscriber?.next(due.slice(i, i + MOST));
  }
}

/** Parses a waiting record again: its row and its strings cost more memory than they cost time. */
export function fileOf({ source }: WaitingFile): StoredFile {
  const parsed = parseRecord(source);
  if (parsed.kind === 'poison') throw new TypeError('a record that was parsed before is not valid any more');
  return parsed;
}

/**
 * Records in as little memory as possible: the bytes of all in one buffer. The client allocates each key and value
 * separately, which costs as much again. A copy in Node's buffer pool would keep 8 KiB that it shares with buffers of
 * other records.
 */
export function compact(records: readonly ConsumedRecord[]): readonly ConsumedRecord[] {
  const sizeOf = (bytes: Buffer | null) => bytes?.length ?? 0;
  const all = Buffer.allocUnsafeSlow(records.reduce((sum, { key, value }) => sum + sizeOf(key) + sizeOf(value), 0));
  let at = 0;
  const copy = (bytes: Buffer | null) => {
    if (bytes === null) return null;
    const from = at;
    at += bytes.copy(all, at);
    return all.subarray(from, at);
  };
  return records.map(({ origin, key, value, headers }) => ({ origin, key: copy(key), value: copy(value), headers }));
}
