import { setTimeout as sleep } from 'node:timers/promises';
import { SourceError } from '../../errors.ts';
import type { ConsumedRecord } from '../../records/records.ts';
import { disconnectReason, ERRORS, errorCode, errorName } from '../client/client.ts';
import { fatalCauseOf } from '../client/disconnect-reason.ts';
import { type NativeConsumer, type NativeMessage, type Partition, partitionName } from '../client/types.ts';
import { POLL_MS } from './connection.ts';
import type { SourceEvents } from './events.ts';
import type { Intake } from './intake.ts';
import { toRecord } from './to-record.ts';
import { TurnPause } from './turn-pause.ts';
import type { WatermarkTracker } from './watermark.ts';

/** Maximum number of records per `consume()` call. More is no faster and blocks the event loop for longer. */
const FETCH = 200;
/**
 * Time without room for records after which the assignment is paused and polled. The group evicts a member that doesn't poll for
 * max.poll.interval.ms, and polling a paused assignment returns no records.
 */
const PAUSE_AFTER_MS = 5_000;
/**
 * While there is room for fewer records than `Intake.leastPoll`, more room is awaited for this time in milliseconds: a poll for a few records
 * costs as much as one for many, and each late file leaves its batch earlier than the others, with room for one record.
 */
const MORE_ROOM_WITHIN_MS = 10;
/** How often the client's positions are read. */
const POSITION_PERIOD_MS = 1_000;

/** What the poll loop needs from the source. */
export interface PollLoopOptions {
  readonly tracker: WatermarkTracker;
  readonly intake: Intake;
  readonly events: SourceEvents;
  /** The loop ends when this returns false. */
  wanted(): boolean;
  /** How often the assignment has changed. A newly assigned partition is not paused, even if it was paused before. */
  assignments(): number;
  emit(record: ConsumedRecord): void;
}

/** Polls the client while there is room for records. Without room, it pauses the assignment and continues to poll. */
export class PollLoop {
  readonly #options: PollLoopOptions;
  #failure: SourceError | undefined;
  /** Run before the next poll. */
  #actions: ((isPolling: boolean) => void)[] = [];
  #hasEnded = false;
  #positionsAt = Number.NEGATIVE_INFINITY;
  #turns: TurnPause | undefined;
  #ends: ReadonlyMap<string, number> = new Map();

  constructor(options: PollLoopOptions) {
    this.#options = options;
  }

  /** Ends the loop with this error. */
  fail(error: SourceError): void {
    this.#failure ??= error;
    this.#options.tracker.wake();
  }

  /**
   * Runs an action between two polls, so that no record polled before it is emitted after it. Resolves when the action has run, or when
   * the loop has ended without it.
   */
  betweenPolls(action: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#actions.push((isPolling) => {
        try {
          if (isPolling) action();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
      if (this.#hasEnded) this.#act(false);
    });
  }

  /** Whether records of a partition are polled: there is room for records, and it isn't paused for the turn of another one. */
  polls(partition: Partition): boolean {
    return this.#options.intake.room > 0 && this.#turns?.isPaused(partition) !== true;
  }

  /** To be called with the offset after the last readable record of each partition, by `partitionName`; empty while they are unknown. */
  readable(ends: ReadonlyMap<string, number>): void {
    this.#ends = ends;
  }

  /** Resolves when `wanted()` returns false. Rejects with a SourceError when a retry can't help. */
  async run(consumer: NativeConsumer): Promise<void> {
    try {
      await this.#run(consumer);
    } finally {
      this.#hasEnded = true;
      this.#act(false);
    }
  }

  async #run(consumer: NativeConsumer): Promise<void> {
    const { tracker, wanted, events } = this.#options;
    const pause = new AssignmentPause(consumer, this.#options.assignments);
    const turns = new TurnPause({ consumer, tracker, assignments: this.#options.assignments });
    this.#turns = turns;
    let fullSince = Number.NaN;
    let littleSince = Number.NaN;
    while (wanted()) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#act(true);
      const { room } = this.#options.intake;
      if (room > 0) {
        fullSince = Number.NaN;
        if (Number.isNaN(littleSince)) littleSince = performance.now();
        const littleFor = performance.now() - littleSince;
        if (room < this.#options.intake.leastPoll && littleFor < MORE_ROOM_WITHIN_MS) {
          await Promise.race([tracker.changed(), sleep(MORE_ROOM_WITHIN_MS - littleFor)]);
          continue;
        }
        if (pause.resume()) turns.resumed();
      } else {
        if (Number.isNaN(fullSince)) fullSince = performance.now();
        if (performance.now() - fullSince < PAUSE_AFTER_MS) {
          await Promise.race([tracker.changed(), sleep(POLL_MS)]);
          continue;
        }
        pause.pause();
      }
      littleSince = Number.NaN;
      const count = Math.max(0, Math.min(FETCH, room));
      this.#options.intake.polls(count);
      const messages = await poll(consumer, Math.max(1, count), events);
      if (messages.length > 0) events.received?.(messages.length);
      this.#emit(messages);
      this.#options.intake.polls(0);
      this.#notePositions(consumer);
      if (count > 0) turns.polled(this.#ends);
    }
  }

  /** Call only between two polls: during one, the position includes records that are not emitted yet. */
  #notePositions(consumer: NativeConsumer): void {
    const now = performance.now();
    if (!this.#options.wanted() || now - this.#positionsAt < POSITION_PERIOD_MS) return;
    this.#positionsAt = now;
    try {
      this.#options.tracker.reached(consumer.position());
    } catch {
      // The client is between two assignments. Retried after the next poll.
    }
  }

  #act(isPolling: boolean): void {
    for (const action of this.#actions.splice(0)) action(isPolling);
  }

  #emit(messages: readonly NativeMessage[]): void {
    const { tracker, wanted, emit, events } = this.#options;
    let done = 0;
    for (const message of messages) {
      if (!wanted()) break;
      const assignment = tracker.track(message);
      if (assignment === 'done') done++;
      // A poll may return records of a partition that was revoked meanwhile. They belong to its next owner.
      else if (assignment !== undefined) emit(toRecord(message, assignment));
    }
    if (done > 0) events.alreadyDone?.(done);
  }
}

/** Pauses all assigned partitions once per assignment, and resumes those that are still assigned. */
class AssignmentPause {
  readonly #consumer: NativeConsumer;
  readonly #assignments: () => number;
  #paused: readonly Partition[] = [];
  /** The number of the paused assignment; NaN when none is paused. */
  #pausedAt = Number.NaN;

  constructor(consumer: NativeConsumer, assignments: () => number) {
    this.#consumer = consumer;
    this.#assignments = assignments;
  }

  pause(): void {
    if (this.#pausedAt === this.#assignments()) return;
    this.#pausedAt = this.#assignments();
    this.#paused = this.#consumer.assignments();
    this.#consumer.pause([...this.#paused]);
  }

  /** Returns whether partitions were paused. */
  resume(): boolean {
    if (Number.isNaN(this.#pausedAt)) return false;
    const assigned = new Set(this.#consumer.assignments().map(partitionName));
    this.#consumer.resume(this.#paused.filter((each) => assigned.has(partitionName(each))));
    this.#paused = [];
    this.#pausedAt = Number.NaN;
    return true;
  }
}

/** One `consume()` call. Resolves to no records after an error that the client recovers from; else rejects with a SourceError. */
function poll(
  consumer: NativeConsumer,
  count: number,
  events: Pick<SourceEvents, 'disconnected'>,
): Promise<readonly NativeMessage[]> {
  return new Promise((resolve, reject) => {
    consumer.consume(count, (error, messages) => {
      if (!error) resolve(messages);
      else if (isPermanent(errorCode(error))) {
        // The log line with the cause of a fatal error may arrive after the error.
        setTimeout(() => reject(toSourceError(consumer, error)), POLL_MS);
      } else {
        events.disconnected?.(disconnectReason(consumer, error));
        setTimeout(resolve, POLL_MS, []);
      }
    });
  });
}

/** Polls until `done` resolves. Polled records are dropped: they are left to the next owner. */
export async function pollUntil(
  consumer: NativeConsumer,
  done: Promise<unknown>,
  events: Pick<SourceEvents, 'disconnected'>,
): Promise<void> {
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  // A promise that is already resolved sets `isDone` in the next turn of the event loop.
  await new Promise(setImmediate);
  while (!isDone) await poll(consumer, 1, events).catch(() => undefined);
}

/** How long the answer to the revocation may take when a member leaves. */
const LEAVE_TIMEOUT_MS = 3_000;
const LEAVE_CHECK_MS = 20;

/**
 * Leaves the group also with an instance id: the close of such a client keeps its membership for `session.timeout.ms`, with the assignment
 * (KIP-345). `settled` resolves when pending rebalances are answered.
 */
export async function leaveGroup(
  consumer: NativeConsumer,
  settled: () => Promise<void>,
  events: Pick<SourceEvents, 'disconnected'>,
): Promise<void> {
  const deadline = performance.now() + LEAVE_TIMEOUT_MS;
  const isRevoked = async () => {
    while (consumer.assignments().length > 0 && performance.now() < deadline) await sleep(LEAVE_CHECK_MS);
    await settled();
  };
  try {
    consumer.unsubscribe();
    await pollUntil(consumer, isRevoked(), events);
  } catch (error) {
    // The group then keeps the membership until the session times out.
    events.disconnected?.(errorName(error));
  }
}

/** The client recovers from every other error by itself. */
function isPermanent(code: number): boolean {
  return code === ERRORS.ERR__FATAL || code === ERRORS.ERR__FENCED || code === ERRORS.ERR_FENCED_INSTANCE_ID;
}

function toSourceError(consumer: NativeConsumer, error: unknown): SourceError {
  const name = (errorCode(error) === ERRORS.ERR__FATAL ? fatalCauseOf(consumer) : undefined) ?? errorName(error);
  return new SourceError(FENCED.has(name) ? 'fenced' : 'misconfigured', name);
}

/** Another process with the same `instance_id` has taken this one's membership. */
const FENCED: ReadonlySet<string> = new Set(['ERR__FENCED', 'ERR_FENCED_INSTANCE_ID']);
