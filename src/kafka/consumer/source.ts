import { Observable, type Subscriber } from 'rxjs';
import { SourceError } from '../../errors.ts';
import type { Offsets, Source } from '../../ports.ts';
import type { ConsumedRecord, OffsetRange, Origin } from '../../records/records.ts';
import {
  connect,
  disconnect,
  disconnectReason,
  ERRORS,
  errorCode,
  errorName,
  type NativeConfig,
  type NativeConsumer,
  type NativeMessage,
  newConsumer,
  type Partition,
  type PartitionOffset,
} from '../client/client.ts';
import { Committer } from './committer.ts';
import { isReachable, lagsOf, type PartitionLag } from './lag.ts';
import { kafkaOrigin, offsetRanges } from './origin.ts';
import { onRebalance } from './rebalance.ts';
import { type StartOffset, startOffsets } from './start-offsets.ts';
import { SuspensionDetector } from './suspension-detector.ts';
import { toRecord } from './to-record.ts';
import { WatermarkTracker } from './watermark.ts';

/** What the source tells of itself while it runs. Every callback is optional and must not throw. */
export interface SourceEvents {
  connected?(): void;
  /** The client is away from its brokers or can't join; it keeps trying. `detail` is librdkafka's error name. */
  disconnected?(detail: string): void;
  /** Every few seconds while a broker has let the client in and holds the line, whether records come or not. */
  reachable?(): void;
  /** So many records came in with one poll. */
  received?(records: number): void;
  assigned?(partitions: readonly Partition[]): void;
  /** Records that were handed out and are acked now, each once. */
  acked?(origins: readonly Origin[]): void;
  /** So many records that were handed out are given up unacked, with their partitions or at the end: they come again. */
  released?(records: number): void;
  /** `lost`: the group had already given the partitions to others. `unacked`: records that will be processed again elsewhere. */
  revoked?(partitions: readonly Partition[], lost: boolean, unacked: number): void;
  committed?(offsets: readonly PartitionOffset[]): void;
  commitFailed?(detail: string): void;
  /** Every few seconds (`statistics.interval.ms`): how far the group is behind in the partitions that are ours. */
  lags?(lags: readonly PartitionLag[]): void;
}

export interface KafkaSourceOptions {
  readonly name: string;
  readonly topics: readonly string[];
  /** librdkafka's connection, security and group settings (see settings.ts). */
  readonly config: NativeConfig;
  /** Records emitted and not acked, at most. */
  readonly checkpointLimit: number;
  /** How often it is committed what was acked, in milliseconds. */
  readonly commitPeriodMs: number;
  /** How long a revoked partition may hold up a rebalance while its records are finished, in milliseconds. */
  readonly drainTimeoutMs: number;
  /**
   * Who commits: the source itself, what was acked; or a transaction, together with what it publishes. Then a partition that is taken
   * away with records in flight breaks the source, because somebody else may already be publishing what they make. Default: source.
   */
  readonly commits?: 'source' | 'transaction';
  readonly events?: SourceEvents;
}

/** Records of one `consume()` call. More gains nothing and lengthens the event loop's stalls. */
const FETCH = 200;
const POLL_MS = 100;
const CONNECT_TIMEOUT_MS = 3_000;
const CLOSE_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 1_000;
/** For the last commit before partitions are given away, or the client is closed: brokers that are there answer within milliseconds. */
const FLUSH_TIMEOUT_MS = 2_000;
/** Without polling, the group evicts a member after max.poll.interval.ms; a paused assignment can be polled without getting records. */
const PAUSE_AFTER_MS = 5_000;
/** Records acked behind one that waits cost a few bytes each until the watermark passes: room for many, but not for ever. */
const HELD_PER_LIMIT = 64;

/**
 * A Kafka topic as a source with backpressure: it asks the client for more only while fewer than `checkpointLimit` records are unacked,
 * and commits, per partition, the offset below which every record is acked.
 */
export class KafkaSource implements Source, Offsets {
  readonly name: string;
  readonly topics: readonly string[];
  readonly records$: Observable<ConsumedRecord>;
  readonly #options: KafkaSourceOptions;
  readonly #events: SourceEvents;
  readonly #tracker: WatermarkTracker;
  /** None where a transaction commits. */
  readonly #committer: Committer | undefined;
  #consumer: NativeConsumer | undefined;
  #running = false;
  #closing = false;
  /** Closing, but still polled for the answer to the last commit. */
  #flushing = false;
  /** Set when the client is being closed: with so many records given up. */
  #leaving: { readonly unacked: number } | undefined;
  #unassigning: NodeJS.Immediate | undefined;
  /** Set while the broker is asked. */
  #lags: Promise<void> | undefined;
  #broken: SourceError | undefined;
  /** How often the group has changed what is ours. */
  #assignments = 0;
  readonly #standstill: SuspensionDetector;
  #polling: Promise<void> = Promise.resolve();
  #rebalancing: Promise<void> = Promise.resolve();

  constructor(options: KafkaSourceOptions) {
    this.name = options.name;
    this.topics = options.topics;
    this.#options = options;
    this.#events = options.events ?? {};
    this.#tracker = new WatermarkTracker((records) => this.#events.released?.(records));
    // Under the `consumer` protocol each commit carries an epoch that the broker refuses once it is stale.
    const sessionMs = Number(options.config['session.timeout.ms'] ?? Number.POSITIVE_INFINITY);
    this.#standstill = new SuspensionDetector(sessionMs, () => this.#rejoin());
    if (options.commits !== 'transaction') this.#committer = this.#newCommitter();
    this.records$ = new Observable((subscriber) => {
      this.#running = true;
      this.#standstill.start();
      this.#committer?.start();
      this.#polling = this.#run(subscriber);
      return () => this.#halt();
    });
  }

  /** The member of the group, for a transaction that commits its offsets. Throws before it is connected, and as it leaves. */
  get consumer(): NativeConsumer {
    if (this.#consumer === undefined || this.#closing) throw new SourceError('unavailable', 'not connected');
    return this.#consumer;
  }

  /** Records emitted and not acked yet. */
  get unacked(): number {
    return this.#tracker.unacked;
  }

  ack(origins: readonly Origin[]): readonly OffsetRange[] {
    this.#standstill.check();
    const offsets = origins.map(kafkaOrigin);
    // Hoisted: `?.()` skips its arguments when there is no listener.
    const awaited = this.#tracker.ack(offsets);
    this.#events.acked?.(awaited);
    return offsetRanges(offsets);
  }

  async stop(): Promise<void> {
    this.#halt();
    await this.#polling;
  }

  async close(): Promise<void> {
    await this.stop();
    this.#closing = true;
    this.#standstill.stop();
    this.#committer?.stop();
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    if (this.#committer !== undefined) await this.#flush(consumer, this.#committer);
    // Nobody waits for these any more: a rebalance that does must not hold up the end.
    const unacked = this.#tracker.unacked;
    this.#tracker.forgetAll();
    // What still asks the broker uses the client, which must not be closed under it; it ends by its own deadlines.
    await this.#lags;
    // A rebalance that the client has told of while it was polled begins by the next turn.
    await new Promise(setImmediate);
    await this.#rebalancing;
    this.#leaving = { unacked };
    await disconnect(consumer, CLOSE_TIMEOUT_MS);
    this.#consumer = undefined;
  }

  #halt(): void {
    this.#running = false;
    this.#tracker.wake();
  }

  async #run(subscriber: Subscriber<ConsumedRecord>): Promise<void> {
    try {
      const consumer = await this.#connect();
      if (consumer !== undefined) await this.#poll(consumer, subscriber);
      subscriber.complete();
    } catch (error) {
      subscriber.error(error);
    }
  }

  /** Tries until a broker answers or the source is stopped: a service that outlives its brokers is the point. */
  async #connect(): Promise<NativeConsumer | undefined> {
    while (this.#running) {
      let consumer: NativeConsumer | undefined;
      try {
        consumer = this.#newConsumer();
        await connect(consumer, CONNECT_TIMEOUT_MS);
        consumer.subscribe([...this.topics]);
        this.#consumer = consumer;
        this.#events.connected?.();
        return consumer;
      } catch (error) {
        this.#events.disconnected?.(disconnectReason(consumer, error));
        if (consumer !== undefined) void disconnect(consumer, CLOSE_TIMEOUT_MS);
        await Promise.race([sleep(RECONNECT_MS), this.#tracker.changed()]);
      }
    }
    return undefined;
  }

  #newConsumer(): NativeConsumer {
    const consumer = newConsumer({
      ...this.#options.config,
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      offset_commit_cb: (error: unknown) => {
        if (errorCode(error) === ERRORS.ERR_UNKNOWN_MEMBER_ID) this.#rejoin();
        this.#committer?.answered(error);
      },
      rebalance_cb: (error: unknown, partitions: readonly Partition[]) => {
        if (this.#leaving !== undefined) {
          const isRevoked = errorCode(error) === ERRORS.ERR__REVOKE_PARTITIONS;
          if (isRevoked) this.#events.revoked?.(partitions, false, this.#leaving.unacked);
          this.#answerPendingRebalances(consumer);
          return;
        }
        // One at a time: an assignment that follows a revocation waits until the drain has ended.
        this.#rebalancing = this.#rebalancing.then(() => this.#rebalance(consumer, error, partitions));
      },
    });
    consumer.setDefaultConsumeTimeout(POLL_MS);
    consumer.setDefaultIsTimeoutOnlyForFirstMessage(true);
    consumer.on('event.error', (error) => this.#events.disconnected?.(disconnectReason(consumer, error)));
    consumer.on('event.stats', (event: { message: string }) => {
      const statistics: unknown = JSON.parse(event.message);
      if (isReachable(statistics)) this.#events.reachable?.();
      if (!this.#closing) this.#lags ??= this.#reportLag(consumer, statistics);
    });
    return consumer;
  }

  async #reportLag(consumer: NativeConsumer, statistics: unknown): Promise<void> {
    try {
      const lags = await lagsOf(consumer, statistics);
      if (!this.#closing) this.#events.lags?.(lags);
    } catch {
      // The client was closed meanwhile. The monitor goes without.
    } finally {
      this.#lags = undefined;
    }
  }

  /**
   * The group has put us out. librdkafka mostly notices and loses the partitions; but when that happens in the middle of a rebalance, it
   * joins again with what it held, and would commit offsets of before, behind those of who had the partitions meanwhile. So nothing of
   * before is committed any more, and we join as a new member would.
   */
  #rejoin(): void {
    const consumer = this.#consumer;
    if (consumer === undefined || this.#closing || !this.#running) return;
    if (this.#options.commits === 'transaction') {
      this.#broken = new SourceError('unavailable', 'put out of the group');
      this.#tracker.wake();
      return;
    }
    try {
      this.#tracker.forgetAll();
      consumer.unsubscribe();
      consumer.subscribe([...this.topics]);
    } catch (error) {
      this.#events.disconnected?.(errorName(error));
    }
  }

  async #rebalance(consumer: NativeConsumer, error: unknown, partitions: readonly Partition[]): Promise<void> {
    try {
      const unfinished = await onRebalance(consumer, errorCode(error), partitions, {
        tracker: this.#tracker,
        drainTimeoutMs: this.#closing ? 0 : this.#options.drainTimeoutMs,
        startOffsetsOf: (assigned) => this.#startOffsetsOf(consumer, assigned),
        commit: async () => {
          // When nobody polls for an answer any more, all that could be is committed.
          if (!this.#closing || this.#flushing) await this.#committer?.flush(FLUSH_TIMEOUT_MS);
        },
        events: this.#events,
      });
      this.#assignments++;
      if (unfinished > 0 && this.#options.commits === 'transaction' && !this.#closing) {
        this.#broken = new SourceError('unavailable', 'partitions revoked with records in flight');
        this.#tracker.wake();
      }
    } catch (cause) {
      // The client answers so when it is being closed; the group's own timeouts settle the rest.
      this.#events.disconnected?.(errorName(cause));
    }
  }

  /**
   * The client's close waits until what it says of partitions is answered: by one answer for all that it has said by now. A second one, or
   * any question, may meet a client that is gone already, which ends the process (its binding doesn't look).
   */
  #answerPendingRebalances(consumer: NativeConsumer): void {
    this.#unassigning ??= setImmediate(() => {
      this.#unassigning = undefined;
      try {
        consumer.unassign();
      } catch {
        // It is gone.
      }
    });
  }

  async #startOffsetsOf(consumer: NativeConsumer, partitions: readonly Partition[]): Promise<readonly StartOffset[]> {
    const reset = this.#options.config['auto.offset.reset'];
    return (await startOffsets(consumer, partitions, reset, () => this.#running)) ?? partitions;
  }

  async #poll(consumer: NativeConsumer, subscriber: Subscriber<ConsumedRecord>): Promise<void> {
    const tracker = this.#tracker;
    const limit = this.#options.checkpointLimit;
    const room = () => (tracker.held < limit * HELD_PER_LIMIT ? limit - tracker.unacked : 0);
    let paused: Partition[] = [];
    // A partition that comes anew is never paused, one that had been ours and paused included.
    let pausedAt = Number.NaN;
    let fullSince = Number.NaN;
    while (this.#running) {
      if (this.#broken !== undefined) throw this.#broken;
      if (room() > 0) {
        fullSince = Number.NaN;
        if (paused.length > 0) {
          resume(consumer, paused);
          paused = [];
          pausedAt = Number.NaN;
        }
      } else {
        if (Number.isNaN(fullSince)) fullSince = performance.now();
        if (performance.now() - fullSince < PAUSE_AFTER_MS) {
          await Promise.race([tracker.changed(), sleep(POLL_MS)]);
          continue;
        }
        // Paused, the client is still polled: rebalances are answered, and the group doesn't evict us.
        if (pausedAt !== this.#assignments) {
          pausedAt = this.#assignments;
          paused = consumer.assignments();
          consumer.pause(paused);
        }
      }
      const messages = await this.#consume(consumer, Math.max(1, Math.min(FETCH, room())));
      if (messages.length > 0) this.#events.received?.(messages.length);
      for (const message of messages) {
        if (!this.#running) break;
        // What a pending call still returns of a revoked partition belongs to its next owner.
        if (tracker.track(message)) subscriber.next(toRecord(message));
      }
    }
  }

  #consume(consumer: NativeConsumer, count: number): Promise<readonly NativeMessage[]> {
    return new Promise((resolve, reject) => {
      consumer.consume(count, (error, messages) => {
        if (!error) resolve(messages);
        else if (isHopeless(errorCode(error)))
          reject(
            new SourceError(errorCode(error) === ERRORS.ERR__FENCED ? 'fenced' : 'misconfigured', errorName(error)),
          );
        else {
          this.#events.disconnected?.(disconnectReason(consumer, error));
          setTimeout(resolve, POLL_MS, []);
        }
      });
    });
  }

  /** The last commit. Answers come only to who polls; the records that may come with them are the next owner's. */
  async #flush(consumer: NativeConsumer, committer: Committer): Promise<void> {
    this.#flushing = true;
    void committer.flush(FLUSH_TIMEOUT_MS).then(() => {
      this.#flushing = false;
    });
    // When there is nothing to commit, that is known by the next turn.
    await new Promise(setImmediate);
    while (this.#flushing) await this.#consume(consumer, 1).catch(() => undefined);
  }

  #newCommitter(): Committer {
    const tracker = this.#tracker;
    return new Committer({
      periodMs: this.#options.commitPeriodMs,
      takeCommittable: () => {
        this.#standstill.check();
        return tracker.takeCommittable();
      },
      restore: (offsets) => tracker.restore(offsets),
      // The last commit comes while we are closing, when `consumer` isn't given out any more.
      send: (offsets) => this.#consumer?.commit(offsets.map((each) => ({ ...each }))),
      committed: (offsets) => this.#events.committed?.(offsets),
      failed: (error) => this.#events.commitFailed?.(errorName(error)),
      unanswered: () => {
        this.#broken = new SourceError('unavailable', 'a commit was never answered');
        tracker.wake();
      },
    });
  }
}

/** Errors that no waiting mends: the service stops and says so. Everything else the client gets over by itself. */
function isHopeless(code: number): boolean {
  return code === ERRORS.ERR__FATAL || code === ERRORS.ERR__FENCED || code === ERRORS.ERR_FENCED_INSTANCE_ID;
}

function resume(consumer: NativeConsumer, paused: readonly Partition[]): void {
  const assigned = new Set(consumer.assignments().map((p) => `${p.topic}|${p.partition}`));
  consumer.resume(paused.filter((p) => assigned.has(`${p.topic}|${p.partition}`)));
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
