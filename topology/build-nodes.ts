/**
 * Builds the nodes of the topology from the configuration: the only place that knows both the topology and the clients.
 */
import { type DatabaseConfig, nameOf, type PartialConfig, type TopicConfig } from '../src/config/config.ts';
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
import type { KnownTopics } from '../src/kafka/consumer/known-topics.ts';
import { kafkaOrigin, originHeaders } from '../src/kafka/consumer/origin.ts';
import { KafkaSource } from '../src/kafka/consumer/source.ts';
import { createProducer } from '../src/kafka/producer/producer.ts';
import type { ThrottleListener } from '../src/kafka/producer/producer-client.ts';
import { createTransactions, transactionalIdOf } from '../src/kafka/producer/transactions.ts';
import { hasRows } from '../src/operators/regroup.ts';
import type { BatchLog } from '../src/ops/batch-log.ts';
import { componentOf } from '../src/ops/component.ts';
import type { Health } from '../src/ops/health.ts';
import type { Logger } from '../src/ops/logger.ts';
import type { Component, Metrics } from '../src/ops/metrics.ts';
import {
  observeReader,
  observeSink,
  observeTransactions,
  recordDeadLetters,
  reportWorkerLoss,
  type SinkObservation,
} from '../src/ops/observe.ts';
import { observeSource, sourceEvents } from '../src/ops/observe-source.ts';
import { stallLog } from '../src/ops/outage-log.ts';
import { throttlingLog } from '../src/ops/throttling.ts';
import type { Sink, Transaction } from '../src/ports.ts';
import type { Batch, BatchRecord } from '../src/records/records.ts';
import { createDeadLetterSink } from '../src/sinks/dead-letter.ts';
import { publications, type RecordOf, rowRecord, type TransactionTopic } from '../src/sinks/publications.ts';
import { createRecordSink, createTopicSink } from '../src/sinks/topic.ts';
import type { OutputMap, Topology } from './compose.ts';
import { checkDelivery, type Delivery, type ExactlyOnceServiceNodes, type ServiceNodes } from './delivery.ts';
import { databaseNode, deadLetterNode, sourceNode, topicNode, transactionNode } from './outline.ts';
import { present } from './present.ts';
import { exactlyOnceTopology, type Settings, topology } from './topology.ts';

/** The metrics, health and logs that the nodes report to, and what the process knows about storage roots and topics. */
export interface Operations {
  readonly metrics: Metrics;
  readonly health: Health;
  readonly logger: Logger;
  readonly storage: Outages;
  readonly knownTopics: KnownTopics;
  readonly batchLog: BatchLog;
}

/** Options of `wado-consumer run`, and the topology. */
export interface NodeOptions extends Delivery {
  readonly groupProtocol: GroupProtocol;
}

/** The topology with real clients. */
export interface RunnableTopology {
  /** Composes the topology; its outputs report to metrics and health. To be called once. */
  compose(settings: Settings): Topology;
  /** The number of consumed records that are not acknowledged: in flight, or waiting for their files. */
  unacked(): number;
  /** The number of those that wait. */
  waiting(): number;
  /** Stops consumption. */
  stop(): Promise<void>;
  /** Commits the acknowledged records, leaves the group, then closes all other clients and outputs. Safe to call at any time. */
  close(): Promise<void>;
}

/**
 * The time for reading and storing the last batch when a partition is revoked, in addition to the batch period. Records
 * that take longer are redelivered to the partition's next owner.
 */
const DRAIN_MARGIN_MS = 5_000;

/**
 * Creates the clients and wraps them with metrics and health. Nothing connects yet. A topology that takes a node which the configuration
 * lacks fails with a TypeError when it is composed.
 */
export function buildNodes(config: PartialConfig, operations: Operations, options: NodeOptions): RunnableTopology {
  checkDelivery(options);
  const { metrics, logger } = operations;
  const kafka = buildSource(config, operations, options);
  metrics.input(config.input).progress(() => kafka.progress());
  metrics.input(config.input).paused(() => kafka.pause);
  metrics.held.source({ progress: () => kafka.progress(), placeOf: kafkaOrigin });
  const source = observeSource(kafka, metrics);
  const processor = metrics.processor(config.group);
  const pool =
    config.group.storageRoots.length === 0
      ? undefined
      : createHeaderPool({
          ...config.group,
          readsInFlight: readsThatFit(config.group.readsInFlight),
          leavesSlow: true,
          onWorkerLost: reportWorkerLoss(processor, logger),
        });
  const reader =
    pool &&
    holdForRoots(observeReader(pool, processor), operations.storage, {
      judgeMissing: config.group.missingFiles === 'wait',
    });
  const clients = config.databases.map(buildDatabase);
  const databases = clients.length === 0 ? undefined : clients;
  let written: readonly Pick<Sink, 'close'>[] = [];
  let unused: readonly Sink[] = clients;
  const observed = (composed: Topology): Topology => {
    const mapped = composed.mapOutputs(observers(config, operations));
    // The observed outputs: their watch over pending writes must end, too.
    written = mapped.outputs;
    unused = clients.filter((client) => !composed.outputs.includes(client));
    return mapped;
  };
  const common = {
    unacked: () => kafka.unacked,
    waiting: () => kafka.waiting.count,
    stop: () => source.stop(),
  };
  const closeAll = async (producers: readonly Pick<Sink, 'close'>[]) => {
    // The source is closed first, because a pending revocation still waits for the sinks.
    try {
      await kafka.close();
    } finally {
      const others = new Set([...unused, ...written, ...producers, ...(pool === undefined ? [] : [pool])]);
      // A custom sink may throw instead of rejecting. The others are closed all the same.
      await Promise.allSettled([...others].map(async (node) => node.close()));
    }
  };

  if (options.exactlyOnce) {
    const { topics, transactionOf } = buildTransactions(config, operations, kafka);
    const compose = options.exactlyOnceTopology ?? exactlyOnceTopology;
    const nodes: ExactlyOnceServiceNodes = {
      source,
      get reader() {
        return present('reader', reader);
      },
      get databases() {
        return present('databases', databases);
      },
      get topics() {
        return present('topics', topics);
      },
      get transaction() {
        return transactionOf(present('topics', topics, 'transaction'));
      },
      transactionOf,
    };
    return {
      ...common,
      compose: (settings) => observed(compose(nodes, settings)),
      close: () => closeAll([]),
    };
  }
  const { topics, deadLetters, topic, producers } = buildTopics(config, operations);
  const compose = options.topology ?? topology;
  const nodes: ServiceNodes = {
    source,
    get reader() {
      return present('reader', reader);
    },
    get databases() {
      return present('databases', databases);
    },
    get topics() {
      return present('topics', topics);
    },
    get sinks() {
      return [...present('databases', databases, 'sinks'), ...present('topics', topics, 'sinks')];
    },
    deadLetters,
    topic,
    offsets: kafka,
  };
  return {
    ...common,
    compose: (settings) => observed(compose(nodes, settings)),
    close: () => closeAll(producers),
  };
}

function buildSource(
  config: PartialConfig,
  operations: Operations,
  { groupProtocol, exactlyOnce = false }: NodeOptions,
): KafkaSource {
  const { input } = config;
  const settings = consumerSettings(input, groupProtocol);
  return new KafkaSource({
    ...sourceNode(config),
    // With read_uncommitted, a new owner would not wait for the open transaction of the previous one.
    config: exactlyOnce ? { ...settings, 'isolation.level': 'read_committed' } : settings,
    checkpointLimit: input.checkpointLimit,
    waitingLimits: config.group.waitingLimits,
    commitPeriodMs: input.commitPeriodMs,
    drainTimeoutMs: Math.min(input.batching.periodMs + DRAIN_MARGIN_MS, input.rebalanceTimeoutMs / 2),
    commits: exactlyOnce ? 'transaction' : 'source',
    events: sourceEvents(input, operations),
    knownTopics: operations.knownTopics,
  });
}

function buildTopics(
  { topics: { state, image, deadLetter: dead, producer: settings } }: PartialConfig,
  operations: Operations,
) {
  const onThrottle = throttleListener(operations);
  const shared = { deadlineMs: PRODUCE_DEADLINE_MS, onThrottle };
  const producer = createProducer({ ...shared, name: 'producer', config: producerSettings(settings) });
  const letters = createProducer({ ...shared, name: nameOf(dead), config: deadLetterSettings(settings) });
  const topic = (config: TopicConfig, publishes: 'state' | 'image') =>
    createTopicSink({ ...topicNode(config), topic: config.topic, publishes, producer });
  return {
    producers: [producer, letters],
    topic: <R extends BatchRecord>(name: string, target: string, recordOf: RecordOf<R>) =>
      createRecordSink({ name, topic: target, recordOf, producer }),
    topics: state && image && [topic(state, 'state'), topic(image, 'image')],
    deadLetters: recordDeadLetters(
      createDeadLetterSink({ ...deadLetterNode(dead), topic: dead.topic, producer: letters, originHeaders }),
      operations.metrics.records,
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

/** Only the transaction that the topology uses is connected, so only that one is to be closed. */
function buildTransactions(config: PartialConfig, operations: Operations, kafka: KafkaSource) {
  const { state, image, deadLetter: dead, producer } = config.topics;
  const { consumerGroup, instanceId } = config.input;
  const transactionalId = transactionalIdOf(consumerGroup, instanceId);
  const transactionOf = <R extends BatchRecord>(topics: readonly TransactionTopic<R>[]): Transaction<R> =>
    createTransactions<R>({
      ...transactionNode(topics, dead),
      // A transaction has one producer for outputs and dead letters, so the higher limit applies to both.
      config: deadLetterSettings(producer),
      onThrottle: throttleListener(operations),
      transactionalId,
      outputsOf: (batch) => [
        ...publications(batch, topics),
        ...batch.poison.map((poison) => ({
          record: deadLetter(dead.topic, poison, originHeaders),
          source: poison.source,
          poison,
        })),
      ],
      deadLetters: { name: nameOf(dead), topic: dead.topic },
      source: kafka,
    });
  return { topics: state && image && [rowTopic(state, 'state'), rowTopic(image, 'image')], transactionOf };
}

function rowTopic(config: TopicConfig, publishes: 'state' | 'image'): TransactionTopic {
  return { name: nameOf(config), topic: config.topic, recordOf: rowRecord(publishes) };
}

/** Each output reports to metrics and health under its name: those of the configuration, and those of a custom topology. */
function observers(config: PartialConfig, operations: Operations): OutputMap {
  /** `logsAs`: the name for the log when it is stalled; undefined if another output of the same transaction logs that. */
  function observation(name: string, logsAs: string | undefined): SinkObservation<BatchRecord> {
    const component = componentOf(config, name);
    return {
      metrics: operations.metrics.output(component),
      health: operations.health.component(component),
      recordsOf: recordsOf(component, config),
      stalledAfterMs: patienceMs(config.databases.find((database) => database === component)),
      ...(logsAs === undefined ? {} : { onStalled: stallLog(operations.logger, logsAs) }),
    };
  }
  return {
    sink: (sink) => observeSink(sink, observation(sink.name, sink.name)),
    transaction: (transaction) =>
      observeTransactions(
        transaction,
        transaction.outputs.map(({ name }, index) => observation(name, index === 0 ? transaction.name : undefined)),
        operations.metrics.records,
      ),
  };
}

/** How long a working output may acknowledge nothing while a write is pending. A slow statement is made smaller after its timeout. */
function patienceMs(database: DatabaseConfig | undefined): number | undefined {
  if (database === undefined) return undefined;
  const lingerMs = databaseDriver(database.driver).lingerMs?.(database.options) ?? 0;
  return database.statementTimeoutMs + lingerMs + SMALLER_STATEMENT_MS;
}

/** For a statement that is made smaller to succeed. */
const SMALLER_STATEMENT_MS = 10_000;

/** What an output stores of a batch. */
function recordsOf(component: Component, { topics }: PartialConfig): (batch: Batch<BatchRecord>) => number {
  const rows = (publishes: 'state' | 'image') => (batch: Batch<BatchRecord>) =>
    batch.grouped.filter((record) => hasRows(record) && record[publishes] !== null).length;
  if (component === topics.state) return rows('state');
  if (component === topics.image) return rows('image');
  return (batch) => (component === topics.deadLetter ? batch.poison : batch.grouped).length;
}

function buildDatabase(database: DatabaseConfig): Sink {
  const sink = databaseDriver(database.driver).createSink({
    name: nameOf(database),
    dsn: () => database.dsn.reveal(),
    connections: database.maxInFlight,
    migrate: database.migrate,
    statementTimeoutMs: database.statementTimeoutMs,
    refusedInARow: database.refusedInARow,
    options: database.options,
  });
  return { ...sink, ...databaseNode(database) };
}
