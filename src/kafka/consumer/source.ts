import { Observable, type Subscriber } from 'rxjs';
import { SourceError } from '../../errors.ts';
import type { Offsets, Source } from '../../ports.ts';
import type { ConsumedRecord, OffsetRange, Origin } from '../../records/records.ts';
import { disconnect, ERRORS, errorCode, errorName } from '../client/client.ts';
import type { NativeConsumer, Partition } from '../client/types.ts';
import { CommitEncoder } from './commit-encoder.ts';
import type { Committer } from './committer.ts';
import { CLOSE_TIMEOUT_MS, type ConnectionCallbacks, FLUSH_TIMEOUT_MS, joinGroup } from './connection.ts';
import type { SourceEvents } from './events.ts';
import { GroupMonitor } from './group-monitor.ts';
import { GroupQueries, type TopicState } from './group-queries.ts';
import { Intake, type IntakePause } from './intake.ts';
import { reportReset } from './offset-reset.ts';
import { kafkaOrigin, offsetRanges } from './origin.ts';
import type { PartitionProgress } from './partition-offsets.ts';
import { Lifecycle } from './phase.ts';
import { leaveGroup, PollLoop, pollUntil } from './poll-loop.ts';
import { Readiness } from './readiness.ts';
import { Rebalances } from './rebalance.ts';
import { createSourceCommitter } from './source-committer.ts';
import type { KafkaSourceOptions } from './source-options.ts';
import { type Stall, StalledPartitions } from './stalled-partitions.ts';
import type { StartOffset } from './start-offsets.ts';
import { reportStarts, StartQueries } from './start-queries.ts';
import { fetchesOf, isReachable, type Statistics } from './statistics.ts';
import { SuspensionDetector } from './suspension-detector.ts';
import { TrackedWaiting } from './tracked-waiting.ts';
import { TransactionOffsets } from './transaction-offsets.ts';
import { keepsAssignment, UnownedPartitions } from './unowned-partitions.ts';
import { UnverifiedTopics } from './unverified-topics.ts';
import { WatermarkTracker } from './watermark.ts';

/**
 * Kafka topics as a source with backpressure: it consumes only within the limits of intake.ts. It commits the watermark of each partition
 * with the done offsets above it. joinGroup joins, PollLoop emits, Rebalances answers, WatermarkTracker tracks, Committer commits.
 */
export class KafkaSource implements Source, Offsets {
  readonly name: string;
  readonly topics: readonly string[];
  readonly records$: Observable<ConsumedRecord>;
  readonly waiting: TrackedWaiting;
  readonly #options: KafkaSourceOptions;
  readonly #events: SourceEvents;
  readonly #tracker: WatermarkTracker;
  readonly transactionOffsets: TransactionOffsets;
  /** Undefined when a transaction commits. */
  readonly #committer: Committer | undefined;
  readonly #intake: Intake;
  readonly #encoder = new CommitEncoder();
  readonly #unverified = new UnverifiedTopics();
  #rebalances: Rebalances;
  readonly #suspension: SuspensionDetector;
  readonly #queries: GroupQueries;
  readonly #monitor: GroupMonitor;
  readonly #starts: StartQueries;
  readonly #readiness: Readiness;
  readonly #stalled = new StalledPartitions();
  readonly #unowned: UnownedPartitions;
  readonly #life = new Lifecycle();
  #consumer: NativeConsumer | undefined;
  /** Whether the client must be replaced by a new member of the group. */
  #isOutdated = false;
  /** Whether the next client must not get the assignment of this one, which doesn't fit the topics any more. */
  #givesUpMembership = false;
  #statistics: Statistics = {};
  #pollLoop: PollLoop | undefined;
  /** Ends with the poll loop. */
  #polling: Promise<void> = Promise.resolve();

  constructor(options: KafkaSourceOptions) {
    this.name = options.name;
    this.topics = options.topics;
    this.#options = options;
    this.#events = options.events ?? {};
    this.#tracker = new WatermarkTracker((records) => this.#events.released?.(records));
    // With the `consumer` protocol, each commit carries the member's epoch and the broker refuses a stale one: no detection needed.
    const sessionMs = Number(options.config['session.timeout.ms'] ?? Number.POSITIVE_INFINITY);
    this.#suspension = new SuspensionDetector(sessionMs, () => this.#rejoin());
    this.#intake = new Intake(this.#tracker, options, (pause) => this.#events.intake?.(pause));
    this.waiting = new TrackedWaiting(this.#tracker, this.#intake, options.commits);
    this.transactionOffsets = new TransactionOffsets(this.#tracker, this.#encoder, this.#events);
    if (options.commits !== 'transaction') this.#committer = this.#createCommitter();
    this.#rebalances = this.#createRebalances();
    this.#readiness = new Readiness((problem) => this.#events.readiness?.(problem));
    this.#queries = new GroupQueries(options.config);
    this.#unowned = options.knownTopics?.unowned ?? new UnownedPartitions();
    this.#starts = new StartQueries({
      queries: this.#queries,
      settings: options,
      unknown: (reason) => this.#readiness.startsUnknown(reason),
      outdated: () => this.#replaceClient('a topic was recreated'),
    });
    this.#monitor = new GroupMonitor({
      queries: this.#queries,
      topics: options.topics,
      assigned: () => this.#tracker.assigned(),
      described: (topics) => this.#described(topics),
      lags: (lags) => this.#events.lags?.(lags),
      readable: (ends) => this.#recoverStalled(ends),
      unowned: keepsAssignment(options.config) ? (partitions) => this.#recoverUnowned(partitions) : undefined,
    });
    this.records$ = new Observable((subscriber) => {
      this.#life.enter('consuming');
      this.#suspension.start();
      this.#committer?.start();
      this.#polling = this.#run(subscriber);
      return () => this.#halt();
    });
  }

  /** The native consumer, for a transaction that commits its offsets. Throws a SourceError unless it is connected and not closing. */
  get consumer(): NativeConsumer {
    if (this.#consumer === undefined || !this.#life.rules.open) throw new SourceError('unavailable', 'not connected');
    return this.#consumer;
  }

  get unacked(): number {
    return this.#tracker.unacked;
  }

  /** The limit of the waiting records that pauses the intake; undefined when none does. */
  get pause(): IntakePause | undefined {
    return this.#intake.pause;
  }

  progress(): readonly PartitionProgress[] {
    return this.#tracker.progress();
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
    this.#monitor.stop();
    // In parallel: each may wait for brokers that don't answer.
    await Promise.all([consumer === undefined ? undefined : this.#leave(consumer), this.#queries.close()]);
    this.#consumer = undefined;
  }

  #halt(): void {
    this.#life.enter('halted');
    this.#tracker.wake();
  }

  get #isWanted(): boolean {
    return this.#life.rules.emits && !this.#isOutdated;
  }

  async #run(subscriber: Subscriber<ConsumedRecord>): Promise<void> {
    try {
      while (this.#life.rules.emits) await this.#consume(subscriber);
      subscriber.complete();
    } catch (error) {
      subscriber.error(error);
    }
  }

  /** Consumes with one client until the source is stopped or the client must be replaced. */
  async #consume(subscriber: Subscriber<ConsumedRecord>): Promise<void> {
    const consumer = await joinGroup(this.#options.config, this.topics, this.#callbacks(this.#rebalances), {
      wanted: () => this.#life.rules.emits,
      changed: () => this.#tracker.changed(),
    });
    if (consumer === undefined) return;
    this.#consumer = consumer;
    this.#events.connected?.();
    this.#readiness.connected();
    this.#monitor.start();
    this.#pollLoop = new PollLoop({
      tracker: this.#tracker,
      intake: this.#intake,
      events: {
        received: (records) => {
          this.#readiness.works();
          this.#events.received?.(records);
        },
        disconnected: (detail) => this.#disconnected(detail),
        alreadyDone: (records) => this.#events.alreadyDone?.(records),
      },
      wanted: () => this.#isWanted,
      assignments: () => this.#rebalances.assignments,
      emit: (record) => subscriber.next(record),
    });
    await this.#pollLoop.run(consumer);
    if (!this.#life.rules.emits) return;
    this.#readiness.evicted();
    await this.#leave(consumer, true);
    this.#consumer = undefined;
    this.#statistics = {};
    this.#committer?.abandon();
    // A rebalance that was answered meanwhile may have assigned partitions.
    this.#tracker.forgetAll();
    this.#starts.newClient();
    this.#rebalances = this.#createRebalances();
    this.#isOutdated = false;
  }

  #callbacks(rebalances: Rebalances): ConnectionCallbacks {
    return {
      rebalance: (consumer, error, partitions) => rebalances.onRebalance(consumer, error, partitions),
      commitAnswered: (error) => {
        // A replaced client may answer late.
        if (rebalances !== this.#rebalances) return;
        if (errorCode(error) === ERRORS.ERR_UNKNOWN_MEMBER_ID) this.#rejoin();
        if (errorCode(error) === ERRORS.ERR_UNKNOWN_TOPIC_OR_PART) {
          this.#unverified.add(this.#tracker.assigned());
          this.#monitor.check();
        }
        this.#committer?.answered(error);
      },
      disconnected: (detail) => this.#disconnected(detail),
      statistics: (statistics) => {
        if (isReachable(statistics)) this.#events.reachable?.();
        this.#readiness.statistics(statistics);
        this.#statistics = statistics;
      },
      offsetReset: (reset) => {
        // The topic may have been recreated.
        this.#monitor.check();
        reportReset(reset, this.#starts.consumedId(reset.topic), this.#queries, this.#events).catch((error) =>
          this.#disconnected(errorName(error)),
        );
      },
    };
  }

  #disconnected(detail: string): void {
    this.#readiness.failed(detail);
    this.#events.disconnected?.(detail);
  }

  #described(topics: readonly TopicState[]): void {
    this.#starts.described(topics);
    this.#readiness.described(topics);
    const recreated = this.#starts.recreated(topics);
    this.#unverified.described(topics, recreated);
    const existing = new Set(topics.filter(({ error }) => error === undefined).map(({ topic }) => topic));
    // Their topic didn't exist at the assignment.
    const unknown = this.#tracker.positions().filter(({ topic, offset }) => offset < 0 && existing.has(topic));
    this.#restart(unknown);
    if (recreated.length === 0) return;
    this.#tracker.forget(this.#tracker.assigned().filter(({ topic }) => recreated.includes(topic)));
    this.#givesUpMembership = true;
    this.#replaceClient('a topic was recreated');
  }

  #recoverUnowned(partitions: readonly Partition[]): void {
    if (!this.#unowned.check(partitions)) return;
    this.#events.unowned?.(partitions);
    this.#givesUpMembership = true;
    this.#replaceClient('partitions have no owner');
  }

  /** Restarts the partitions that aren't read; if that didn't help, replaces the client. */
  #recoverStalled(ends: ReadonlyMap<string, number>): void {
    this.#pollLoop?.readable(ends);
    const stalls = this.#stalled.check({
      positions: this.#tracker.positions(),
      ends,
      polls: (partition) => this.#pollLoop?.polls(partition) ?? false,
      fetches: (partition) => fetchesOf(this.#statistics, partition),
    });
    this.#readiness.stalled(this.#stalled.names);
    for (const stall of stalls) this.#events.stalled?.(stall);
    const needsClient = ({ attempt }: Stall) => attempt > 1 || this.#options.commits === 'transaction';
    if (stalls.some(needsClient)) this.#replaceClient('a partition is not read');
    else this.#restart(stalls);
  }

  /** Does nothing in a transaction, which may contain records of these partitions. */
  #restart(partitions: readonly Partition[]): void {
    const consumer = this.#consumer;
    const isPossible = this.#isWanted && this.#options.commits !== 'transaction';
    if (consumer !== undefined && isPossible) this.#rebalances.restart(consumer, partitions);
  }

  /**
   * Leaves the group and joins it with a new client, because librdkafka (2.15.1) ignores the leader of a partition whose leader epoch is
   * lower than one that it knows (rdkafka_topic.c). A recreated topic begins with epoch 0 again. In a transaction, the source fails.
   */
  #replaceClient(reason: string): void {
    if (!this.#isWanted) return;
    if (this.#options.commits === 'transaction') this.#pollLoop?.fail(new SourceError('unavailable', reason));
    else this.#isOutdated = true;
    this.#tracker.wake();
  }

  async #startOffsetsOf(partitions: readonly Partition[]): Promise<readonly StartOffset[]> {
    try {
      return reportStarts((await this.#starts.resolve(partitions, () => this.#isWanted)) ?? [], this.#events);
    } catch (error) {
      if (error instanceof SourceError) this.#pollLoop?.fail(error);
      return [];
    }
  }

  /**
   * Rejoins after the group has evicted this member. librdkafka usually notices an eviction and reports the partitions as lost. During a
   * rebalance it may instead rejoin with its old partitions and commit offsets lower than those of the owners since then. So all records
   * in flight are dropped, and the member joins like a new one.
   */
  #rejoin(): void {
    const consumer = this.#consumer;
    if (consumer === undefined || !this.#isWanted) return;
    if (this.#options.commits === 'transaction') {
      this.#pollLoop?.fail(new SourceError('unavailable', 'evicted from the group'));
      return;
    }
    try {
      this.#readiness.evicted();
      this.#tracker.forgetAll();
      consumer.unsubscribe();
      consumer.subscribe([...this.topics]);
    } catch (error) {
      this.#disconnected(errorName(error));
    }
  }

  /** Commits the acknowledged records, leaves the group and closes the client. */
  async #leave(consumer: NativeConsumer, isReplaced = false): Promise<void> {
    // The answer to the last commit arrives only while the client is polled.
    const flushed = this.#committer?.flush(FLUSH_TIMEOUT_MS);
    if (flushed !== undefined) await pollUntil(consumer, flushed, this.#events);
    if (!isReplaced) this.#life.enter('closing');
    // A rebalance that waits for these records must not delay the close.
    const unacked = this.#tracker.unacked;
    this.#tracker.forgetAll();
    await this.#rebalances.settled();
    if (this.#givesUpMembership) await leaveGroup(consumer, () => this.#rebalances.settled(), this.#events);
    this.#givesUpMembership = false;
    if (!isReplaced) this.#life.enter('leaving');
    this.#rebalances.leave(unacked);
    await disconnect(consumer, CLOSE_TIMEOUT_MS);
  }

  #createRebalances(): Rebalances {
    return new Rebalances({
      tracker: this.#tracker,
      events: {
        ...this.#events,
        assigned: (partitions, starts) => {
          this.#readiness.assigned();
          this.#unverified.settled(partitions);
          this.#events.assigned?.(partitions, starts);
          // Reports the lag of the new partitions at once.
          this.#monitor.check();
        },
        revoked: (partitions, lost, unacked) => {
          this.#unverified.settled(partitions);
          this.#events.revoked?.(partitions, lost, unacked);
        },
        disconnected: (detail) => this.#disconnected(detail),
      },
      drainTimeoutMs: () => (this.#life.rules.open ? this.#options.drainTimeoutMs : 0),
      startOffsetsOf: (partitions) => this.#startOffsetsOf(partitions),
      // Nothing is polled before the poll loop exists.
      betweenPolls: async (action) => (this.#pollLoop === undefined ? action() : this.#pollLoop.betweenPolls(action)),
      commit: async () => {
        if (this.#life.rules.commits && !this.#isOutdated) await this.#committer?.flush(FLUSH_TIMEOUT_MS);
      },
      gaveUp: () => {
        if (this.#options.commits === 'transaction' && this.#life.rules.open)
          this.#pollLoop?.fail(new SourceError('unavailable', 'partitions revoked with records in flight'));
      },
    });
  }

  #createCommitter(): Committer {
    return createSourceCommitter({
      periodMs: this.#options.commitPeriodMs,
      tracker: this.#tracker,
      encoder: this.#encoder,
      events: this.#events,
      consumer: () => this.#consumer,
      mayCommit: () => {
        this.#suspension.check();
        return !this.#unverified.any;
      },
      works: () => this.#readiness.works(),
      fail: (error) => this.#pollLoop?.fail(error),
    });
  }
}
