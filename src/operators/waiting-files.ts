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
export const TICK_MS = 50;
/** How many records are to be tried together at most. */
export const MOST = 100;

/**
 * Records that wait for their files. Tens of thousands may wait: each costs its own bytes and little more, and records that are due at
 * about the same time are tried together.
 */
export class WaitingFiles {
  readonly #scheduler: SchedulerLike;
  /** By the tick at which they are due. */
  readonly #ticks = new Map<number, WaitingFile[]>();
  #due: WaitingFile[] = [];
  #subscriber: Subscriber<void> | undefined;
  #ended = false;

  constructor(scheduler: SchedulerLike = asyncScheduler) {
    this.#scheduler = scheduler;
  }

  /** Emits when records are due. Completes at `end()`. */
  readonly due$ = new Observable<void>((subscriber) => {
    this.#subscriber = subscriber;
    if (this.#ended) subscriber.complete();
  });

  /** The number of records that are due and were not taken. */
  get due(): number {
    return this.#due.length;
  }

  /** Removes due records, those that are due first. */
  take(records: number): readonly WaitingFile[] {
    return this.#due.splice(0, records);
  }

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
    const due = this.#due.filter(isWanted);
    let dropped = this.#due.length - due.length;
    this.#due = due;
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
    const held = [this.#due, ...this.#ticks.values()].flat();
    this.#due = [];
    this.#ticks.clear();
    this.#subscriber?.complete();
    return held;
  }

  #emit(tick: number): void {
    const due = this.#ticks.get(tick) ?? [];
    this.#ticks.delete(tick);
    this.#due = this.#due.concat(due);
    this.#subscriber?.next();
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
