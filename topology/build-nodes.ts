/** Configuration → real nodes. The only place where the graph meets its clients. */
import { tap } from 'rxjs';
import { type Config, type DatabaseConfig, nameOf } from '../src/config/config.ts';
import { createHeaderPool } from '../src/dicom/pool.ts';
import { lagsOf } from '../src/kafka/lag.ts';
import { createProducer } from '../src/kafka/producer.ts';
import { consumerSettings, type GroupProtocol, MESSAGE_TIMEOUT_MS, producerSettings } from '../src/kafka/settings.ts';
import { KafkaSource, type SourceEvents } from '../src/kafka/source.ts';
import type { Health } from '../src/ops/health.ts';
import type { Logger } from '../src/ops/logger.ts';
import type { Component, Metrics } from '../src/ops/metrics.ts';
import { observeReader, observeSink, recordDeadLetters } from '../src/ops/observe.ts';
import type { GroupedBatch } from '../src/records/records.ts';
import { createDeadLetterSink } from '../src/sinks/dead-letter.ts';
import { createPostgresSink } from '../src/sinks/postgres.ts';
import { createTopicSink } from '../src/sinks/topic.ts';
import type { Sink, Source } from './nodes.ts';
import type { Nodes } from './topology.ts';

export interface Operations {
  readonly metrics: Metrics;
  readonly health: Health;
  readonly logger: Logger;
}

export interface NodeOptions {
  readonly groupProtocol: GroupProtocol;
}

export interface RealNodes extends Nodes {
  /** Everything that is written to: what must be reachable before the first record is taken. */
  readonly outputs: readonly Sink[];
  /** Leaves the group with what was acked committed, then lets go of everything else. Safe to call at any moment. */
  close(): Promise<void>;
}

/** Longer than librdkafka tries by itself: this deadline only ends what the client has forgotten. */
const PRODUCE_DEADLINE_MS = MESSAGE_TIMEOUT_MS + 5_000;
/** An open buffer is flushed, read and stored well within this; what isn't is processed again by the partition's next owner. */
const DRAIN_MARGIN_MS = 5_000;

export function buildNodes(config: Config, operations: Operations, options: NodeOptions): RealNodes {
  const { metrics, health } = operations;
  const watched = (sink: Sink, component: Component, recordsOf: (batch: GroupedBatch) => number) =>
    observeSink(sink, { metrics: metrics.output(component), health: health.component(component), recordsOf });

  const kafka = buildSource(config, operations, options);
  const reader = createHeaderPool(config.group);
  const databases = config.databases.map((database) =>
    watched(buildDatabase(database), database, (batch) => batch.grouped.length),
  );

  const { state, image, deadLetter } = config.topics;
  const producer = createProducer({
    name: 'producer',
    config: producerSettings(config.topics.producer),
    deadlineMs: PRODUCE_DEADLINE_MS,
  });
  const topics = [
    watched(
      createTopicSink({ name: nameOf(state), topic: state.topic, publishes: 'state', producer }),
      state,
      (batch) => batch.grouped.filter((record) => record.state !== null).length,
    ),
    watched(
      createTopicSink({ name: nameOf(image), topic: image.topic, publishes: 'image', producer }),
      image,
      (batch) => batch.grouped.filter((record) => record.image !== null).length,
    ),
  ];
  const deadLetters = watched(
    recordDeadLetters(
      createDeadLetterSink({ name: nameOf(deadLetter), topic: deadLetter.topic, producer }),
      metrics.records,
    ),
    deadLetter,
    (batch) => batch.poison.length,
  );

  const sinks = [...databases, ...topics];
  return {
    source: counted(kafka, metrics),
    reader: observeReader(reader, metrics.processor(config.group)),
    sinks,
    deadLetters,
    offsets: kafka,
    outputs: [...sinks, deadLetters],
    async close() {
      // First the group: a revocation that waits for sinks must find them open.
      await kafka.close();
      await Promise.allSettled([...sinks, deadLetters].map((sink) => sink.close()));
      await Promise.allSettled([producer.close(), reader.close()]);
    },
  };
}

function buildSource(config: Config, { metrics, health, logger }: Operations, options: NodeOptions): KafkaSource {
  const { input } = config;
  const source = new KafkaSource({
    name: nameOf(input),
    topics: input.topics,
    config: consumerSettings(input, options.groupProtocol),
    checkpointLimit: input.checkpointLimit,
    drainTimeoutMs: Math.min(config.input.batching.periodMs + DRAIN_MARGIN_MS, input.rebalanceTimeoutMs / 2),
    events: sourceEvents(config, metrics, health, logger),
  });
  metrics.records.inFlight(() => source.unacked);
  return source;
}

function sourceEvents({ input }: Config, metrics: Metrics, health: Health, logger: Logger): SourceEvents {
  const counts = metrics.input(input);
  const status = health.component(input);
  let up = false;
  return {
    connected() {
      up = true;
      counts.connectionUp();
      status.connected();
      logger.info({ topics: input.topics, group: input.consumerGroup }, 'connected to Kafka');
    },
    disconnected(detail) {
      if (up) counts.connectionLost();
      else counts.connectionFailed();
      up = false;
      status.failed(detail);
      logger.warn({ detail }, 'Kafka is not reachable, trying again');
    },
    received(records) {
      counts.received(records);
      if (up) return;
      // librdkafka reconnects silently: records are the sign that it did.
      up = true;
      counts.connectionUp();
      status.connected();
    },
    assigned: (partitions) => logger.info({ partitions: partitions.map(nameOfPartition) }, 'partitions assigned'),
    revoked(partitions, lost, unacked) {
      metrics.records.released(unacked);
      for (const { topic, partition } of partitions) counts.lagGone(topic, partition);
      logger.info({ partitions: partitions.map(nameOfPartition), lost, unacked }, 'partitions revoked');
    },
    commitFailed: (detail) => logger.warn({ detail }, 'offsets not committed, trying again'),
    statistics(statistics) {
      for (const { topic, partition, lag } of lagsOf(statistics)) counts.lag(topic, partition, lag);
    },
  };
}

function nameOfPartition({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}

function buildDatabase(database: DatabaseConfig): Sink {
  switch (database.driver) {
    case 'postgres':
      return createPostgresSink({
        name: nameOf(database),
        dsn: () => database.dsn.reveal(),
        connections: database.maxInFlight,
        migrate: database.migrate,
        statementTimeoutMs: database.statementTimeoutMs,
      });
  }
}

/** Enters every record into the ledger as it is handed to the graph. */
function counted(source: Source, metrics: Metrics): Source {
  return {
    name: source.name,
    topics: source.topics,
    records$: source.records$.pipe(tap(() => metrics.records.consumed(1))),
    stop: () => source.stop(),
    close: () => source.close(),
  };
}
