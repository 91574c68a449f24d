import { Observable, type SchedulerLike, Subject, type Subscriber, timer } from 'rxjs';
import type { WaitReason } from '../ports.ts';
import type { ConsumedRecord, StoredFile } from '../records/records.ts';
import { parseRecord } from './parse-records.ts';

/** A record that waits for its file. */
export interface WaitingFile {
  readonly source: ConsumedRecord;
  readonly reason: WaitReason;
  /** Whether there was no such file. While it has time left, it is looked up before it is read again. */
  readonly isMissing: boolean;
  /** The storage root of a missing file, see `HeaderReader.rootOf`. */
  readonly root?: number | undefined;
  /** The path of a missing file. It is looked up often: parsing its record each time would cost more than the lookup. */
  readonly path?: string | undefined;
  /** How long it has waited when it is due, in milliseconds; times in which the storage did not answer are not included. */
  readonly waitedMs: number;
  /** When it is due, by `WaitingFiles.now`. */
  readonly dueAt: number;
  /** When its batch was full or its period was over, by `performance.now()`. */
  readonly closedAt: number;
}

/** A record that is to be held. */
export type FileToHold = Omit<WaitingFile, 'dueAt'>;

/** The shortest pause before an attempt, in milliseconds. */
export const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** When tens of thousands of a root wait, the pauses between attempts get longer, so that about this number at most is due per second. */
const MOST_DUE_PER_SECOND = 2_000;
/** Records are tried together that are due within this time, in milliseconds. */
export const TICK_MS = 50;
/** How many records are to be tried together at most. */
export const MOST = 100;
/** How many files are to be looked up together at most. */
export const MOST_LOOKUPS = 1_000;

/**
 * Records that wait for their files. Tens of thousands may wait: each costs its own bytes and little more, and records that are due at
 * about the same time are tried together.
 */
export class WaitingFiles {
  readonly #fileWaitMs: number;
  readonly #scheduler: SchedulerLike | undefined;
  /** By the tick at which they are due. */
  readonly #ticks = new Map<number, WaitingFile[]>();
  /** The number of records in `#ticks` by storage root, without those of an outage: other roots' files are tried as often as ever. */
  readonly #pausing = new Map<number | undefined, number>();
  #due: WaitingFile[] = [];
  /** Those that are due to be looked up, by their storage root. */
  readonly #toLookUp = new Map<number | undefined, WaitingFile[]>();
  /** Those that are being looked up, with the time when that began. */
  readonly #lookedUp = new Map<WaitingFile, number>();
  #subscriber: Subscriber<void> | undefined;
  #ended = false;

  /** `fileWaitMs`: how long a missing or incomplete file is retried, in milliseconds. */
  constructor(fileWaitMs: number, scheduler?: SchedulerLike) {
    this.#fileWaitMs = fileWaitMs;
    this.#scheduler = scheduler;
  }

  /** In milliseconds. Not the system clock, which may jump: file_wait would end too early. */
  get now(): number {
    return this.#scheduler?.now() ?? performance.now();
  }

  /** Emits their storage root when files are due to be looked up. */
  readonly lookups$ = new Subject<number | undefined>();

  /** Emits when records are due to be read. Completes at `end()`. */
  readonly due$ = new Observable<void>((subscriber) => {
    this.#subscriber = subscriber;
    if (this.#ended) subscriber.complete();
  });

  /** The number of records that are due to be read and were not taken. */
  get due(): number {
    return this.#due.length;
  }

  /** Removes due records, those that are due first. */
  take(records: number): readonly WaitingFile[] {
    return this.#due.splice(0, records);
  }

  /** Removes the due records that are wanted, those that are due first. */
  takeIf(isWanted: (held: WaitingFile) => boolean): readonly WaitingFile[] {
    const taken = new Set(this.#due.filter(isWanted));
    if (taken.size > 0) this.#due = this.#due.filter((held) => !taken.has(held));
    return [...taken];
  }

  /** Whether `end()` was called. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /**
   * How long a record that is due has waited until now, in milliseconds: also for its lookup or for its attempt. The time after an outage
   * of the storage is not included.
   */
  waitedMs({ reason, waitedMs, dueAt }: WaitingFile): number {
    return reason === 'storage_outage' ? waitedMs : waitedMs + Math.max(0, this.now - dueAt);
  }

  /**
   * Holds a record that has waited for `waitedMs` until its next attempt. In an outage of the storage no waiting time passes. Returns false
   * after `end()`.
   */
  hold(held: FileToHold): boolean {
    return this.#hold(held, held.waitedMs);
  }

  /** Holds a record for `pauseMs`. Returns false after `end()`. */
  add(file: FileToHold, pauseMs: number): boolean {
    return this.#add(file, file.waitedMs, pauseMs);
  }

  #hold(file: FileToHold, waitedMs: number): boolean {
    if (file.reason === 'storage_outage') return this.#add(file, waitedMs, LONGEST_WAIT_MS);
    const longestMs = Math.max(LONGEST_WAIT_MS, ((this.#pausing.get(file.root) ?? 0) * 1_000) / MOST_DUE_PER_SECOND);
    const pauseMs = Math.max(0, Math.min(pauseAfter(waitedMs, longestMs), this.#fileWaitMs - waitedMs));
    return this.#add(file, waitedMs + pauseMs, pauseMs);
  }

  #add(file: FileToHold, waitedMs: number, pauseMs: number): boolean {
    if (this.#ended) return false;
    const { now } = this;
    const held = { ...file, waitedMs, dueAt: now + pauseMs };
    const tick = Math.ceil(held.dueAt / TICK_MS);
    this.#pauses([held], 1);
    const others = this.#ticks.get(tick);
    if (others === undefined) {
      this.#ticks.set(tick, [held]);
      // A subscription that has ended leaves the subscriber; a scheduled action would never leave it.
      this.#subscriber?.add(timer(tick * TICK_MS - now, this.#scheduler).subscribe(() => this.#emit(tick)));
    } else others.push(held);
    return true;
  }

  /** Returns files of a storage root to look up. They are held until `lookedUp`. */
  takeLookups(root: number | undefined, files: number): readonly WaitingFile[] {
    const taken = this.#toLookUp.get(root)?.splice(0, files) ?? [];
    for (const each of taken) this.#lookedUp.set(each, this.now);
    return taken;
  }

  /**
   * Holds those files of `takeLookups` again that are still missing; the others are due to be read. The time of a lookup that got no answer
   * is not waited time.
   */
  lookedUp(files: readonly WaitingFile[], missing: readonly (boolean | undefined)[]): void {
    const { now } = this;
    files.forEach((file, index) => {
      const startedAt = this.#lookedUp.get(file);
      if (startedAt === undefined) return;
      this.#lookedUp.delete(file);
      if (missing[index] === true) this.#hold(file, this.waitedMs(file));
      else this.#due.push(missing[index] === false ? file : { ...file, dueAt: file.dueAt + now - startedAt });
    });
    if (this.#due.length > 0) this.#subscriber?.next();
  }

  /** Drops the records that are not wanted. Returns their number. */
  keep(isWanted: (held: WaitingFile) => boolean): number {
    let dropped = 0;
    const wantedOf = (held: readonly WaitingFile[]) => {
      const wanted = held.filter(isWanted);
      dropped += held.length - wanted.length;
      return wanted;
    };
    this.#due = wantedOf(this.#due);
    for (const [root, held] of this.#toLookUp) this.#toLookUp.set(root, wantedOf(held));
    for (const held of this.#lookedUp.keys())
      if (!isWanted(held)) {
        this.#lookedUp.delete(held);
        dropped++;
      }
    this.#pausing.clear();
    // The tick keeps its timer, also without records.
    for (const [tick, held] of this.#ticks) {
      const wanted = wantedOf(held);
      this.#ticks.set(tick, wanted);
      this.#pauses(wanted, 1);
    }
    return dropped;
  }

  /** Holds no record any more. Returns those that were held. */
  end(): readonly WaitingFile[] {
    this.#ended = true;
    const held = [this.#due, ...this.#toLookUp.values(), ...this.#ticks.values(), [...this.#lookedUp.keys()]].flat();
    this.#due = [];
    this.#toLookUp.clear();
    this.#lookedUp.clear();
    this.#ticks.clear();
    this.#subscriber?.complete();
    return held;
  }

  #emit(tick: number): void {
    const held = this.#ticks.get(tick) ?? [];
    this.#ticks.delete(tick);
    this.#pauses(held, -1);
    const isLookedUp = ({ isMissing, waitedMs }: WaitingFile) => isMissing && waitedMs < this.#fileWaitMs;
    const roots = new Set<number | undefined>();
    for (const each of held)
      if (isLookedUp(each)) {
        roots.add(each.root);
        this.#lookupsOf(each.root).push(each);
      } else this.#due.push(each);
    if (this.#due.length > 0) this.#subscriber?.next();
    for (const root of roots) this.lookups$.next(root);
  }

  #pauses(held: readonly WaitingFile[], change: 1 | -1): void {
    for (const { root, reason } of held)
      if (reason !== 'storage_outage') this.#pausing.set(root, (this.#pausing.get(root) ?? 0) + change);
  }

  #lookupsOf(root: number | undefined): WaitingFile[] {
    const known = this.#toLookUp.get(root);
    if (known !== undefined) return known;
    const first: WaitingFile[] = [];
    this.#toLookUp.set(root, first);
    return first;
  }
}

/** As long as the record has waited so far, within bounds: 250 ms, 250 ms, 500 ms, 1 s, 2 s, 4 s, then usually every 5 s. */
function pauseAfter(waitedMs: number, longestMs: number): number {
  return Math.min(longestMs, Math.max(FIRST_WAIT_MS, waitedMs));
}

/** Parses a waiting record again: its row and its strings cost more memory than they cost time. */
export function fileOf({ source }: WaitingFile): StoredFile {
  const parsed = parseRecord(source);
  if (parsed.kind === 'poison') throw new TypeError('a record that was parsed before is no longer valid');
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
