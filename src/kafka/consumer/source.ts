import { Observable, type Subscriber } from 'rxjs';
import { SourceError } from '../../errors.ts';
import type { Offsets, Source } from '../../ports.ts';
import type { ConsumedRecord, OffsetRange, Origin } from '../../records/records.ts';
import { disconnect, ERRORS, errorCode, errorName } from '../client/client.ts';
import type { NativeConfig, NativeConsumer } from '../client/types.ts';
import { Committer } from './committer.ts';
import { CLOSE_TIMEOUT_MS, type ConnectionCallbacks, joinGroup } from './connection.ts';
import type { SourceEvents } from './events.ts';
import { isReachable, lagsOf } from './lag.ts';
import { kafkaOrigin, offsetRanges } from './origin.ts';
import { Lifecycle } from './phase.ts';
import { PollLoop, poll } from './poll-loop.ts';
import { Rebalances } from './rebalance.ts';
import { startOffsets } from './start-offsets.ts';
import { SuspensionDetector } from './suspension-detector.ts';
import { WatermarkTracker } from './watermark.ts';

export interface KafkaSourceOptions {
  readonly name: string;
  readonly topics: readonly string[];
  /** librdkafka's connection, security and group settings (see settings.ts). */
  readonly config: NativeConfig;
  /** Records emitted and not acknowledged, at most. */
  readonly checkpointLimit: number;
  /** Time between two commits, in milliseconds. */
  readonly commitPeriodMs: number;
  /** How long a revocation may hold up a rebalance while its records are finished, in milliseconds. */
  readonly drainTimeoutMs: number;
  /**
   * Who commits: the source itself, what is acknowledged; or a transaction, together with what it publishes. Then a revocation with
   * records in flight breaks the source, because the next owner may already be publishing their output. Default: source.
   */
  readonly commits?: 'source' | 'transaction';
  readonly events?: SourceEvents;
}

/** Limit of the last commit before partitions are given up or the client is closed. A reachable broker answers within milliseconds. */
const FLUSH_TIMEOUT_MS = 2_000;

/**
 * Kafka topics as a source with backpressure: it polls only while fewer than `checkpointLimit` records are unacknowledged, and commits,
 * per partition, the offset below which every record is acknowledged. The parts: connection.ts joins the group, PollLoop emits records,
 * Rebalances answers the group, WatermarkTracker counts acknowledgements, Committer commits.
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
  readonly #rebalances: Rebalances;
  readonly #suspension: SuspensionDetector;
  readonly #life = new Lifecycle();
  #consumer: NativeConsumer | undefined;
  #pollLoop: PollLoop | undefined;
  /** Ends with the poll loop. */
  #polling: Promise<void> = Promise.resolve();
  /** Set while the lag is queried. */
  #lagQuery: Promise<void> | undefined;

  constructor(options: KafkaSourceOptions) {
    this.name = options.name;
    this.topics = options.topics;
    this.#options = options;
    this.#events = options.events ?? {};
    this.#tracker = new WatermarkTracker((records) => this.#events.released?.(records));
    // Under the `consumer` protocol each commit carries an epoch, and the broker refuses a stale one: nothing to detect.
    const sessionMs = Number(options.config['session.timeout.ms'] ?? Number.POSITIVE_INFINITY);
    this.#suspension = new SuspensionDetector(sessionMs, () => this.#rejoin());
    if (options.commits !== 'transaction') this.#committer = this.#createCommitter();
    this.#rebalances = this.#createRebalances();
    this.records$ = new Observable((subscriber) => {
      this.#life.enter('consuming');
      this.#suspension.start();
      this.#committer?.start();
      this.#polling = this.#run(subscriber);
      return () => this.#halt();
    });
  }

  /** The member of the group, for a transaction that commits its offsets. Throws before it is connected and once it is closing. */
  get consumer(): NativeConsumer {
    if (this.#consumer === undefined || !this.#life.rules.open) throw new SourceError('unavailable', 'not connected');
    return this.#consumer;
  }

  /** Records emitted and not acknowledged yet. */
  get unacked(): number {
    return this.#tracker.unacked;
  }

  ack(origins: readonly Origin[]): readonly OffsetRange[] {
    this.#suspension.check();
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
    this.#life.enter('flushing');
    this.#suspension.stop();
    this.#committer?.stop();
    const consumer = this.#consumer;
    if (consumer !== undefined) await this.#leave(consumer);
    this.#consumer = undefined;
  }

  #halt(): void {
    this.#life.enter('halted');
    this.#tracker.wake();
  }

  async #run(subscriber: Subscriber<ConsumedRecord>): Promise<void> {
    const wanted = () => this.#life.rules.emits;
    try {
      const consumer = await joinGroup(this.#options.config, this.topics, this.#callbacks(), {
        wanted,
        changed: () => this.#tracker.changed(),
      });
      if (consumer !== undefined) {
        this.#consumer = consumer;
        this.#events.connected?.();
        this.#pollLoop = new PollLoop({
          tracker: this.#tracker,
          checkpointLimit: this.#options.checkpointLimit,
          events: this.#events,
          wanted,
          assignments: () => this.#rebalances.assignments,
          emit: (record) => subscriber.next(record),
        });
        await this.#pollLoop.run(consumer);
      }
      subscriber.complete();
    } catch (error) {
      subscriber.error(error);
    }
  }

  #callbacks(): ConnectionCallbacks {
    return {
      rebalance: (consumer, error, partitions) => this.#rebalances.onRebalance(consumer, error, partitions),
      commitAnswered: (error) => {
        if (errorCode(error) === ERRORS.ERR_UNKNOWN_MEMBER_ID) this.#rejoin();
        this.#committer?.answered(error);
      },
      disconnected: (detail) => this.#events.disconnected?.(detail),
      statistics: (consumer, document) => {
        if (isReachable(document)) this.#events.reachable?.();
        if (this.#life.rules.open) this.#lagQuery ??= this.#reportLag(consumer, document);
      },
    };
  }

  async #reportLag(consumer: NativeConsumer, statistics: unknown): Promise<void> {
    try {
      const lags = await lagsOf(consumer, statistics);
      if (this.#life.rules.open) this.#events.lags?.(lags);
    } catch {
      // The client was closed meanwhile.
    } finally {
      this.#lagQuery = undefined;
    }
  }

  /**
   * The group has evicted this member. librdkafka mostly notices and reports the partitions as lost. When that happens in the middle of a
   * rebalance, it rejoins with what it held and would commit old offsets behind those of the owners since. So nothing held is committed any
   * more, and the member joins like a new one.
   */
  #rejoin(): void {
    const consumer = this.#consumer;
    if (consumer === undefined || !this.#life.rules.emits) return;
    if (this.#options.commits === 'transaction') {
      this.#pollLoop?.fail(new SourceError('unavailable', 'evicted from the group'));
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

  /** Commits what is acknowledged, leaves the group and closes the client. */
  async #leave(consumer: NativeConsumer): Promise<void> {
    if (this.#committer !== undefined) await this.#flush(consumer, this.#committer);
    this.#life.enter('closing');
    // A rebalance that waits for these records must not hold up the close.
    const unacked = this.#tracker.unacked;
    this.#tracker.forgetAll();
    // The client must not be closed during a query; each query has a timeout of its own.
    await this.#lagQuery;
    await this.#rebalances.settled();
    this.#life.enter('leaving');
    this.#rebalances.leave(unacked);
    await disconnect(consumer, CLOSE_TIMEOUT_MS);
  }

  /** The last commit. Answers arrive only while the client is polled; the records that may come with them belong to the next owner. */
  async #flush(consumer: NativeConsumer, committer: Committer): Promise<void> {
    let done = false;
    void committer.flush(FLUSH_TIMEOUT_MS).then(() => {
      done = true;
    });
    // With nothing to commit, `done` is set by the next turn.
    await new Promise(setImmediate);
    while (!done) await poll(consumer, 1, this.#events).catch(() => undefined);
  }

  #createRebalances(): Rebalances {
    const reset = this.#options.config['auto.offset.reset'];
    return new Rebalances({
      tracker: this.#tracker,
      events: this.#events,
      drainTimeoutMs: () => (this.#life.rules.open ? this.#options.drainTimeoutMs : 0),
      startOffsetsOf: async (consumer, partitions) =>
        (await startOffsets(consumer, partitions, reset, () => this.#life.rules.emits)) ?? partitions,
      commit: async () => {
        if (this.#life.rules.commits) await this.#committer?.flush(FLUSH_TIMEOUT_MS);
      },
      gaveUp: () => {
        if (this.#options.commits === 'transaction' && this.#life.rules.open)
          this.#pollLoop?.fail(new SourceError('unavailable', 'partitions revoked with records in flight'));
      },
    });
  }

  #createCommitter(): Committer {
    const tracker = this.#tracker;
    return new Committer({
      periodMs: this.#options.commitPeriodMs,
      takeCommittable: () => {
        this.#suspension.check();
        return tracker.takeCommittable();
      },
      restore: (offsets) => tracker.restore(offsets),
      send: (offsets) => this.#consumer?.commit(offsets.map((each) => ({ ...each }))),
      committed: (offsets) => this.#events.committed?.(offsets),
      failed: (error) => this.#events.commitFailed?.(errorName(error)),
      unanswered: () => this.#pollLoop?.fail(new SourceError('unavailable', 'a commit was never answered')),
    });
  }
}
