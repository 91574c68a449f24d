import { setTimeout as sleep } from 'node:timers/promises';
import { SourceError } from '../../errors.ts';
import type { ConsumedRecord } from '../../records/records.ts';
import { disconnectReason, ERRORS, errorCode, errorName } from '../client/client.ts';
import { fatalCauseOf } from '../client/disconnect-reason.ts';
import { type NativeConsumer, type NativeMessage, type Partition, partitionName } from '../client/types.ts';
import { POLL_MS } from './connection.ts';
import type { SourceEvents } from './events.ts';
import { toRecord } from './to-record.ts';
import type { WatermarkTracker } from './watermark.ts';

/** Records of one `consume()` call. More gains nothing and lengthens the event loop's stalls. */
const FETCH = 200;
/** The group evicts a member that doesn't poll for max.poll.interval.ms; a paused assignment can be polled without getting records. */
const PAUSE_AFTER_MS = 5_000;
/** How often the client's positions are read. */
const POSITION_PERIOD_MS = 1_000;
/** Records acknowledged behind one that waits cost a few bytes each until the watermark passes: this bounds their number. */
const HELD_PER_LIMIT = 64;

export interface PollLoopOptions {
  readonly tracker: WatermarkTracker;
  /** Records emitted and not acknowledged, at most. */
  readonly checkpointLimit: number;
  readonly events: SourceEvents;
  /** False ends the loop. */
  wanted(): boolean;
  /** How often the assignment has changed: a partition assigned again is never paused, even if it was before. */
  assignments(): number;
  emit(record: ConsumedRecord): void;
}

/** Polls the client while there is room for records; pauses the assignment, and goes on polling, while there is none. */
export class PollLoop {
  readonly #options: PollLoopOptions;
  #failure: SourceError | undefined;
  /** To be run before the next poll. */
  #actions: ((isPolling: boolean) => void)[] = [];
  #hasEnded = false;
  #positionsAt = Number.NEGATIVE_INFINITY;

  constructor(options: PollLoopOptions) {
    this.#options = options;
  }

  /** Ends the loop with this error. */
  fail(error: SourceError): void {
    this.#failure ??= error;
    this.#options.tracker.wake();
  }

  /**
   * Runs an action while no poll is under way: no record of before is handed out after it. Resolves when it has run, or when the loop
   * ends without it.
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

  /** Resolves when the loop isn't wanted any more. Rejects with a SourceError when a retry can't help. */
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
    let fullSince = Number.NaN;
    while (wanted()) {
      if (this.#failure !== undefined) throw this.#failure;
      this.#act(true);
      if (this.#room() > 0) {
        fullSince = Number.NaN;
        pause.resume();
      } else {
        if (Number.isNaN(fullSince)) fullSince = performance.now();
        if (performance.now() - fullSince < PAUSE_AFTER_MS) {
          await Promise.race([tracker.changed(), sleep(POLL_MS)]);
          continue;
        }
        pause.pause();
      }
      const messages = await poll(consumer, Math.max(1, Math.min(FETCH, this.#room())), events);
      if (messages.length > 0) events.received?.(messages.length);
      this.#emit(messages);
      this.#notePositions(consumer);
    }
  }

  /** Only between two polls: during one, the position counts records that are not handed out yet. */
  #notePositions(consumer: NativeConsumer): void {
    const now = performance.now();
    if (!this.#options.wanted() || now - this.#positionsAt < POSITION_PERIOD_MS) return;
    this.#positionsAt = now;
    try {
      this.#options.tracker.reached(consumer.position());
    } catch {
      // The client is between two assignments: the next poll tries again.
    }
  }

  #act(isPolling: boolean): void {
    for (const action of this.#actions.splice(0)) action(isPolling);
  }

  #room(): number {
    const { tracker, checkpointLimit } = this.#options;
    return tracker.held < checkpointLimit * HELD_PER_LIMIT ? checkpointLimit - tracker.unacked : 0;
  }

  #emit(messages: readonly NativeMessage[]): void {
    const { tracker, wanted, emit } = this.#options;
    for (const message of messages) {
      if (!wanted()) return;
      // A poll under way may return records of a revoked partition: they belong to its next owner.
      const assignment = tracker.track(message);
      if (assignment !== undefined) emit(toRecord(message, assignment));
    }
  }
}

/** Pauses all assigned partitions once per assignment, and resumes those that are still assigned. */
class AssignmentPause {
  readonly #consumer: NativeConsumer;
  readonly #assignments: () => number;
  #paused: readonly Partition[] = [];
  /** The assignment that was paused; NaN when none is. */
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

  resume(): void {
    if (Number.isNaN(this.#pausedAt)) return;
    const assigned = new Set(this.#consumer.assignments().map(partitionName));
    this.#consumer.resume(this.#paused.filter((each) => assigned.has(partitionName(each))));
    this.#paused = [];
    this.#pausedAt = Number.NaN;
  }
}

/** One `consume()` call. Resolves empty after an error that the client recovers from; rejects with a SourceError after any other. */
export function poll(
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
