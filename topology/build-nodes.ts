/**
 * Builds the nodes of the topology from the configuration: the only place that knows both the topology and the clients.
 */
import type { Observable } from 'rxjs';
import { type Config, type DatabaseConfig, nameOf, type TopicConfig } from '../src/config/config.ts';
import { readsThatFit } from '../src/config/environment.ts';
import { databaseDriver } from '../src/databases/registry.ts';
import { deadLetter } from '../src/dead-letters/format.ts';
import { holdForRoots, type Outages } from '../src/dicom/files/hold-for-roots.ts';
import { createHeaderPool } from '../src/dicom/files/pool.ts';
import {
  consumerSettings,
  deadLetterSettings,
  type GroupProtocol,
  PRODUCE_DEADLINE_MS,
  producerSettings,
} from '../src/kafka/client/settings.ts';
import { kafkaOrigin, originHeaders } from '../src/kafka/consumer/origin.ts';
import { KafkaSource } from '../src/kafka/consumer/source.ts';
import { createProducer } from '../src/kafka/producer/producer.ts';
import type { ThrottleListener } from '../src/kafka/producer/producer-client.ts';
import { createTransactions, transactionalIdOf } from '../src/kafka/producer/transactions.ts';
import type { BatchLog } from '../src/ops/batch-log.ts';
import type { Health } from '../src/ops/health.ts';
import type { Logger } from '../src/ops/logger.ts';
import type { Metrics } from '../src/ops/metrics.ts';
import {
  observeReader,
  observeSink,
  observeTransactions,
  recordDeadLetters,
  reportWorkerLoss,
  type SinkObservation,
} from '../src/ops/observe.ts';
import { observeSource, sourceEvents } from '../src/ops/observe-source.ts';
import { throttlingLog } from '../src/ops/throttling.ts';
import type { Sink } from '../src/ports.ts';
import type { AcknowledgedBatch, GroupedBatch } from '../src/records/records.ts';
import { createDeadLetterSink } from '../src/sinks/dead-letter.ts';
import { createTopicSink, publications } from '../src/sinks/topic.ts';
import { exactlyOnceTopology, type Settings, topology } from './topology.ts';

/** The metrics, health and logs that the nodes report to, and the state of the storage roots. */
export interface Operations {
  readonly metrics: Metrics;
  readonly health: Health;
  readonly logger: Logger;
  readonly storage: Outages;
  readonly batchLog: BatchLog;
}

/** Options of `wado-consumer run`. */
export interface NodeOptions {
  readonly groupProtocol: GroupProtocol;
  /** Whether output records and offsets are committed in one Kafka transaction. */
  readonly exactlyOnce: boolean;
}

/** The topology with real clients. */
export interface RunnableTopology {
  /** The sinks to connect before consumption starts. */
  readonly outputs: readonly Pick<Sink, 'name' | 'connect'>[];
  /** Builds the topology. Subscribing starts consumption. */
  run(settings: Settings): Observable<AcknowledgedBatch>;
  /** The number of consumed records that are not acknowledged: in flight, or waiting for their files. */
  unacked(): number;
  /** The number of those that wait. */
  waiting(): number;
  /** Stops consumption. */
  stop(): Promise<void>;
  /** Commits the acknowledged records, leaves the group, then closes all other clients. Safe to call at any time. */
  close(): Promise<void>;
}

/**
 * The time for reading and storing the last batch when a partition is revoked, in addition to the batch period. Records
 * that take longer are redelivered to the partition's next owner.
 */
const DRAIN_MARGIN_MS = 5_000;

/** Creates the clients and wraps them with metrics and health. Nothing connects yet. */
export function buildNodes(config: Config, operations: Operations, options: NodeOptions): RunnableTopology {
  const { metrics, logger } = operations;
  const kafka = buildSource(config, operations, options);
  metrics.input(config.input).progress(() => kafka.progress());
  metrics.input(config.input).paused(() => kafka.pause);
  metrics.held.source({ progress: () => kafka.progress(), placeOf: kafkaOrigin });
  const source = observeSource(kafka, metrics);
  const processor = metrics.processor(config.group);
  const pool = createHeaderPool({
    ...config.group,
    readsInFlight: readsThatFit(config.group.readsInFlight),
    onWorkerLost: reportWorkerLoss(processor, logger),
  });
  const reader = holdForRoots(observeReader(pool, processor), operations.storage, {
    judgeMissing: config.group.missingFiles === 'wait',
  });
  const databases = config.databases.map((database) =>
    observeSink(
      buildDatabase(database),
      observation(operations, database, (batch) => batch.grouped.length),
    ),
  );
  const closeAll = async (outputs: readonly Pick<Sink, 'close'>[]) => {
    // The source is closed first, because a pending revocation still waits for the sinks.
    await kafka.close();
    await Promise.allSettled([...databases, ...outputs, pool].map((node) => node.close()));
  };

  if (options.exactlyOnce) {
    const transaction = buildTransactions(config, operations, kafka);
    return {
      outputs: [...databases, transaction],
      run: (settings) => exactlyOnceTopology({ source, reader, databases, transaction }, settings),
      unacked: () => kafka.unacked,
      waiting: () => kafka.waiting.count,
      stop: () => source.stop(),
      close: () => closeAll([transaction]),
    };
  }
  const { topics, deadLetters, producers } = buildTopics(config, operations);
  const sinks = [...databases, ...topics];
  return {
    outputs: [...sinks, deadLetters],
    run: (settings) => topology({ source, reader, sinks, deadLetters, offsets: kafka }, settings),
    unacked: () => kafka.unacked,
    waiting: () => kafka.waiting.count,
    stop: () => source.stop(),
    close: () => closeAll(producers),
  };
}

function buildSource(config: Config, operations: Operations, { groupProtocol, exactlyOnce }: NodeOptions): KafkaSource {
  const { input } = config;
  const settings = consumerSettings(input, groupProtocol);
  return new KafkaSource({
    name: nameOf(input),
    topics: input.topics,
    // With read_uncommitted, a new owner would not wait for the open transaction of the previous one.
    config: exactlyOnce ? { ...settings, 'isolation.level': 'read_committed' } : settings,
    checkpointLimit: input.checkpointLimit,
    waitingLimits: config.group.waitingLimits,
    commitPeriodMs: input.commitPeriodMs,
    drainTimeoutMs: Math.min(input.batching.periodMs + DRAIN_MARGIN_MS, input.rebalanceTimeoutMs / 2),
    commits: exactlyOnce ? 'transaction' : 'source',
    events: sourceEvents(input, operations),
  });
}

function buildTopics(
  { topics: { state, image, deadLetter: dead, producer: settings } }: Config,
  operations: Operations,
) {
  const onThrottle = throttleListener(operations);
  const shared = { deadlineMs: PRODUCE_DEADLINE_MS, onThrottle };
  const producer = createProducer({ ...shared, name: 'producer', config: producerSettings(settings) });
  const letters = createProducer({ ...shared, name: nameOf(dead), config: deadLetterSettings(settings) });
  const topic = (config: TopicConfig, publishes: 'state' | 'image') =>
    observeSink(
      createTopicSink({ name: nameOf(config), topic: config.topic, publishes, producer }),
      publication(operations, config, publishes),
    );
  const deadLetters = recordDeadLetters(
    createDeadLetterSink({ name: nameOf(dead), topic: dead.topic, producer: letters, originHeaders }),
    operations.metrics.records,
  );
  return {
    producers: [producer, letters],
    topics: [topic(state, 'state'), topic(image, 'image')],
    deadLetters: observeSink(
      deadLetters,
      observation(operations, dead, (batch) => batch.poison.length),
    ),
  };
}

function throttleListener({ metrics, logger }: Operations): ThrottleListener {
  const log = throttlingLog(logger);
  return (milliseconds) => {
    metrics.throttling.throttled(milliseconds);
    log(milliseconds);
  };
}

function buildTransactions(config: Config, operations: Operations, kafka: KafkaSource) {
  const { state, image, deadLetter: dead, producer } = config.topics;
  const { consumerGroup, instanceId } = config.input;
  const transactions = createTransactions({
    name: 'transaction',
    // A transaction has one producer for outputs and dead letters, so the higher limit applies to both.
    config: deadLetterSettings(producer),
    onThrottle: throttleListener(operations),
    transactionalId: transactionalIdOf(consumerGroup, instanceId),
    outputsOf: (batch) => [
      ...publications(batch, state.topic, 'state').map(({ file, record }) => ({ record, source: file.source })),
      ...publications(batch, image.topic, 'image').map(({ file, record }) => ({ record, source: file.source })),
      ...batch.poison.map((poison) => ({
        record: deadLetter(dead.topic, poison, originHeaders),
        source: poison.source,
        poison,
      })),
    ],
    deadLetters: { name: nameOf(dead), topic: dead.topic },
    source: kafka,
  });
  const observations = [
    publication(operations, state, 'state'),
    publication(operations, image, 'image'),
    observation(operations, dead, (batch) => batch.poison.length),
  ];
  return observeTransactions(transactions, observations, operations.metrics.records);
}

function publication(operations: Operations, topic: TopicConfig, publishes: 'state' | 'image'): SinkObservation {
  return observation(operations, topic, (batch) => batch.grouped.filter((record) => record[publishes] !== null).length);
}

function observation(
  { metrics, health }: Operations,
  component: TopicConfig | DatabaseConfig,
  recordsOf: (batch: GroupedBatch) => number,
): SinkObservation {
  return { metrics: metrics.output(component), health: health.component(component), recordsOf };
}

function buildDatabase(database: DatabaseConfig): Sink {
  return databaseDriver(database.driver).createSink({
    name: nameOf(database),
    dsn: () => database.dsn.reveal(),
    connections: database.maxInFlight,
    migrate: database.migrate,
    statementTimeoutMs: database.statementTimeoutMs,
    refusedInARow: database.refusedInARow,
    options: database.options,
  });
}
