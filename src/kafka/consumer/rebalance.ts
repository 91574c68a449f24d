import { setTimeout as sleep } from 'node:timers/promises';
import { ERRORS, errorCode, errorName } from '../client/client.ts';
import { type NativeConsumer, type Partition, partitionName } from '../client/types.ts';
import type { SourceEvents } from './events.ts';
import type { StartOffset } from './start-offsets.ts';
import { toTracked } from './start-queries.ts';
import type { TrackedStart, WatermarkTracker } from './watermark.ts';

/** What answering a rebalance needs from the source. */
export interface RebalanceOptions {
  readonly tracker: WatermarkTracker;
  readonly events: SourceEvents;
  /** How long a revocation may wait for records in flight, in milliseconds. */
  drainTimeoutMs(): number;
  /** Resolves to the start offsets of partitions. The client chooses the start of those that are omitted. */
  startOffsetsOf(partitions: readonly Partition[]): Promise<readonly StartOffset[]>;
  /** Runs an action between two polls. */
  betweenPolls(action: () => void): Promise<void>;
  /** Commits the acknowledged records; resolves when that has succeeded or failed. */
  commit(): Promise<void>;
  /** Called when a revocation dropped records in flight. Dropped records that wait are in no sink yet. */
  gaveUp(): void;
}

/**
 * Answers the client's rebalance callbacks. An assignment starts its partitions. A revocation waits until the records in flight of its
 * partitions are acknowledged and committed, up to a deadline for each. It doesn't wait for records that wait for their files. Every
 * callback is answered, one at a time and in order, because the client's close waits for every answer without a limit.
 */
export class Rebalances {
  readonly #options: RebalanceOptions;
  #answers: Promise<void> = Promise.resolve();
  #assignments = 0;
  /** Set once the client is being closed. */
  #leaving: { readonly unacked: number } | undefined;
  #pendingUnassign: NodeJS.Immediate | undefined;

  constructor(options: RebalanceOptions) {
    this.#options = options;
  }

  /** How often the assignment has changed. */
  get assignments(): number {
    return this.#assignments;
  }

  /** The client's rebalance callback. `error` says whether partitions are assigned or revoked. */
  onRebalance(consumer: NativeConsumer, error: unknown, partitions: readonly Partition[]): void {
    if (this.#leaving !== undefined) {
      const isRevoked = errorCode(error) === ERRORS.ERR__REVOKE_PARTITIONS;
      if (isRevoked) this.#options.events.revoked?.(partitions, false, this.#leaving.unacked);
      this.#answerPendingRebalances(consumer);
      return;
    }
    // An assignment that follows a revocation waits until the drain has ended.
    this.#answers = this.#answers.then(() => this.#answer(consumer, errorCode(error), partitions));
  }

  /** Resolves when every rebalance reported so far is answered. */
  async settled(): Promise<void> {
    // A rebalance reported by the last poll is queued in the next turn of the event loop.
    await new Promise(setImmediate);
    await this.#answers;
  }

  /** Restarts assigned partitions at the offsets of `startOffsetsOf`, and drops their records in flight. */
  restart(consumer: NativeConsumer, partitions: readonly Partition[]): void {
    if (partitions.length === 0) return;
    const names = new Set(partitions.map(partitionName));
    this.#answers = this.#answers.then(async () => {
      try {
        await this.#restart(
          consumer,
          this.#options.tracker.assigned().filter((each) => names.has(partitionName(each))),
        );
      } catch (cause) {
        this.#options.events.disconnected?.(errorName(cause));
      }
    });
  }

  /** To be called before the client is closed; `unacked` is the number of records that were dropped. */
  leave(unacked: number): void {
    this.#leaving = { unacked };
  }

  async #answer(consumer: NativeConsumer, code: number, partitions: readonly Partition[]): Promise<void> {
    try {
      if (code === ERRORS.ERR__ASSIGN_PARTITIONS) await this.#assign(consumer, partitions);
      else await this.#revoke(consumer, partitions);
    } catch (cause) {
      // The client fails like this while it is being closed. The group's timeouts then end the rebalance.
      this.#options.events.disconnected?.(errorName(cause));
    }
  }

  async #assign(consumer: NativeConsumer, partitions: readonly Partition[]): Promise<void> {
    const { tracker, events, startOffsetsOf } = this.#options;
    const starts = await startOffsetsOf(partitions);
    const found = new Map(starts.map((each) => [partitionName(each), each]));
    const cooperative = consumer.rebalanceProtocol() === 'COOPERATIVE';
    tracker.assign(partitions.map((each) => toTrackedStart(each, found.get(partitionName(each)))));
    const answer = partitions.map((each) => toNativeStart(each, found.get(partitionName(each))));
    if (cooperative) consumer.incrementalAssign(answer);
    else consumer.assign(answer);
    this.#assignments++;
    events.assigned?.(partitions, starts);
  }

  async #restart(consumer: NativeConsumer, partitions: readonly Partition[]): Promise<void> {
    const { tracker, events, startOffsetsOf, betweenPolls } = this.#options;
    const starts = await startOffsetsOf(partitions);
    if (starts.length === 0) return;
    const cooperative = consumer.rebalanceProtocol() === 'COOPERATIVE';
    await betweenPolls(() => {
      tracker.assign(starts.map((each) => toTrackedStart(each, each)));
      if (cooperative) {
        consumer.incrementalUnassign(starts.map(({ topic, partition }) => ({ topic, partition })));
        consumer.incrementalAssign(starts.map((each) => toNativeStart(each, each)));
      } else consumer.assign(tracker.next().map((each) => toNativeStart(each, each)));
      tracker.ignorePositions(consumer.position());
      this.#assignments++;
    });
    events.assigned?.(starts, starts);
  }

  async #revoke(consumer: NativeConsumer, partitions: readonly Partition[]): Promise<void> {
    const { tracker, events, commit, gaveUp, drainTimeoutMs } = this.#options;
    const cooperative = consumer.rebalanceProtocol() === 'COOPERATIVE';
    // Lost partitions already have another owner: the broker would refuse the commit, and waiting would delay the rejoin.
    const lost = consumer.assignmentLost();
    if (!lost) {
      await drain(tracker, partitions, drainTimeoutMs());
      await commit();
    }
    const unacked = tracker.unackedOf(partitions);
    const inFlight = tracker.inFlightOf(partitions);
    tracker.forget(partitions);
    if (cooperative) consumer.incrementalUnassign(partitions);
    else consumer.unassign();
    this.#assignments++;
    events.revoked?.(partitions, lost, unacked);
    if (inFlight > 0) gaveUp();
  }

  /**
   * While closing, the client waits for one answer to all of its pending callbacks. A second answer, or any other call, may reach a
   * destroyed client, which crashes the process: the binding doesn't check.
   */
  #answerPendingRebalances(consumer: NativeConsumer): void {
    this.#pendingUnassign ??= setImmediate(() => {
      this.#pendingUnassign = undefined;
      try {
        consumer.unassign();
      } catch {
        // The client is closed.
      }
    });
  }
}

function toTrackedStart({ topic, partition }: Partition, start: StartOffset | undefined): TrackedStart {
  return start === undefined ? { topic, partition } : toTracked(start);
}

/** Without an offset, the client uses the group's committed one. */
function toNativeStart({ topic, partition }: Partition, start: { readonly offset: number } | undefined) {
  return start === undefined || start.offset < 0 ? { topic, partition } : { topic, partition, offset: start.offset };
}

async function drain(tracker: WatermarkTracker, partitions: readonly Partition[], timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = deadline - performance.now();
    if (left <= 0 || tracker.inFlightOf(partitions) === 0) return;
    const changed = new AbortController();
    const timeout = sleep(left, undefined, { signal: changed.signal }).catch(() => undefined);
    await Promise.race([tracker.changed(), timeout]);
    changed.abort();
  }
}
