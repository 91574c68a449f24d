/**
 * The metrics of the service. Names and labels are Redpanda Connect's where it has them, so that its dashboards and
 * alerts work: every series of a component carries `label` and `path`, counters have no `_total`, durations are
 * summaries in nanoseconds. Names that begin with `wado_` are ours. Counters are incremented once per batch; what is
 * counted per record is in record-ledger.ts.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { IntakePause } from '../kafka/consumer/intake.ts';
import { SKIP_REASONS } from '../kafka/consumer/start-offsets.ts';
import type { WorkerLoss } from '../ports.ts';
import { createHeldRecords, type HeldRecords } from './held-records.ts';
import { createLatencySummary } from './latency-summaries.ts';
import { createPartitionMetrics, type PartitionMetrics } from './partition-metrics.ts';
import { createRecordLedger, type RecordLedger } from './record-ledger.ts';
import { createStorageRootMetrics, type SetUnusableSince } from './storage-root-metrics.ts';
import { createThrottling, type Throttling } from './throttling.ts';

/**
 * A component of the configuration: its label (`postgres`, may be empty) and its path
 * (`root.output.broker.outputs.0`).
 */
export interface Component {
  readonly label: string;
  readonly path: string;
}

/** Counts the connections of an input or output. */
export interface ConnectionMetrics {
  /** A connection was established. */
  connectionUp(): void;
  /** A connection attempt failed. */
  connectionFailed(): void;
  /** An established connection was lost. */
  connectionLost(): void;
}

/** Why a batch was closed. */
export type BatchMechanism = 'count' | 'size' | 'period';

/** The metrics of the Kafka input. */
export interface InputMetrics extends ConnectionMetrics, PartitionMetrics {
  received(records: number): void;
  /** Time from when a batch was full or its period was over to its acknowledgement, in milliseconds. */
  latency(milliseconds: number): void;
  batchCreated(mechanism: BatchMechanism): void;
  /** Records between the group's offset and the partition's end; undefined (NaN in the series) while unknown. */
  lag(topic: string, partition: number, records: number | undefined): void;
  /** The number of acknowledged records above the committed offset that the commit's metadata doesn't list. */
  unlisted(topic: string, partition: number, records: number): void;
  /** A partition continued at another offset than the group's. `skipped` records were deleted before they were consumed. */
  moved(reason: string, skipped: number): void;
  /** A partition isn't read although it has records. */
  stalled(): void;
  /** The partition was revoked: removes its series. */
  lagGone(topic: string, partition: number): void;
}

/** The metrics of the header reader. */
export interface ProcessorMetrics {
  /** Counts one batch with this number of files. */
  received(records: number): void;
  /** Counts one batch with this number of state and image records. */
  sent(records: number): void;
  /** Counts files whose header could not be read. Default: one. */
  error(records?: number): void;
  latency(milliseconds: number): void;
  /** Counts a replaced reader thread. */
  workerLost(reason: WorkerLoss): void;
}

/** The metrics of a sink. */
export interface OutputMetrics extends ConnectionMetrics {
  /** Counts one stored batch with this number of records. */
  sent(records: number): void;
  /** Counts one failed write. */
  error(): void;
  /** From the start of the write to its acknowledgement, in milliseconds. */
  latency(milliseconds: number): void;
}

/** All metrics of one service. */
export interface Metrics {
  readonly registry: Registry;
  readonly records: RecordLedger;
  readonly held: HeldRecords;
  input(component: Component): InputMetrics;
  processor(component: Component): ProcessorMetrics;
  output(component: Component): OutputMetrics;
  /** Adds an entry of `storage_roots`. The returned function sets since when it can't be used. */
  storageRoot(component: Component): SetUnusableSince;
  /** The limit of the waiting records that pauses the intake; undefined while none does. */
  paused(): IntakePause | undefined;
  /** The throttling of the producers by the brokers. */
  readonly throttling: Throttling;
  /** The current series of a metric; none if the metric doesn't exist. */
  series(name: string): Promise<readonly Series[]>;
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
}

/** One series of a metric. */
export interface Series {
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly value: number;
}

const LABELS = ['label', 'path'] as const;
/** Redpanda Connect's mechanisms. `check` stays at 0. */
const BATCH_MECHANISMS = ['count', 'period', 'size', 'check'];

/** The settings of the metrics. */
export interface MetricsOptions {
  /**
   * Memory, CPU, event-loop delay and garbage collection of the process. Default true; a test with many registries
   * turns it off.
   */
  readonly process?: boolean;
}

/** Creates a separate registry: two services in one process (a test, the demo) don't share series. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (options.process !== false) collectDefaultMetrics({ register: registry });
  const registers = [registry];

  const counter = (name: string, help: string) => new Counter({ name, help, labelNames: LABELS, registers });
  const latency = (name: string, help: string) => createLatencySummary({ registry, name, help });
  const connection = (kind: 'input' | 'output') => ({
    up: counter(`${kind}_connection_up`, `Times the ${kind} connected`),
    failed: counter(`${kind}_connection_failed`, `Times the ${kind} could not connect`),
    lost: counter(`${kind}_connection_lost`, `Times the ${kind} lost its connection`),
  });

  const input = {
    received: counter('input_received', 'Records consumed'),
    latency: latency(
      'input_latency_ns',
      'From the moment a batch is full, or its period over, to its acknowledgement, in nanoseconds',
    ),
    connection: connection('input'),
    batches: new Counter({
      name: 'batch_created',
      help: 'Batches, by what closed them: count, size or period',
      labelNames: [...LABELS, 'mechanism'],
      registers,
    }),
    offsetResets: new Counter({
      name: 'wado_offset_resets',
      help: "Times that a partition continued at another offset than the group's, by reason",
      labelNames: [...LABELS, 'reason'],
      registers,
    }),
    stalls: counter(
      'wado_partition_stalls',
      'Times that an assigned partition with records was not read and was started again',
    ),
    skipped: new Counter({
      name: 'wado_records_skipped',
      help: 'Records that the group had not consumed and that do not exist any more, by reason',
      labelNames: [...LABELS, 'reason'],
      registers,
    }),
    unlisted: new Gauge({
      name: 'wado_commit_metadata_overflow_offsets',
      help: "Acknowledged records above the committed offset that the commit's metadata does not list, for lack of space",
      labelNames: [...LABELS, 'topic', 'partition'],
      registers,
    }),
    // Redpanda Connect renamed kafka_lag to redpanda_lag after 4.99. Both names are exported, for dashboards of both.
    lags: ['redpanda_lag', 'kafka_lag'].map(
      (name) =>
        new Gauge({
          name,
          help: 'Records of the partition that are not committed yet',
          labelNames: [...LABELS, 'topic', 'partition'],
          registers,
        }),
    ),
  };
  const processor = {
    received: counter('processor_received', 'Files passed to the header reader'),
    batchReceived: counter('processor_batch_received', 'Batches of files passed to the header reader'),
    sent: counter('processor_sent', 'State and image records made of the files'),
    batchSent: counter('processor_batch_sent', 'Batches of state and image records'),
    error: counter('processor_error', 'Files whose header could not be read'),
    workersLost: new Counter({
      name: 'wado_reader_workers_lost',
      help: 'Reader threads that were replaced, by reason',
      labelNames: [...LABELS, 'reason'],
      registers,
    }),
    latency: latency('processor_latency_ns', 'Time to read one batch of headers, in nanoseconds'),
  };
  const output = {
    sent: counter('output_sent', 'Records that the output acknowledged'),
    batchSent: counter('output_batch_sent', 'Batches that the output acknowledged'),
    error: counter('output_error', 'Failed writes; they are retried'),
    rejected: counter('output_rejected', 'Records refused because of a failed processor: always 0'),
    latency: latency('output_latency_ns', 'From the start of a write to its acknowledgement, in nanoseconds'),
    connection: connection('output'),
  };
  const partitions = createPartitionMetrics(registry);
  const throttling = createThrottling();
  new Gauge({
    name: 'wado_producer_throttle_ms',
    help: 'The delay that the brokers ask of the producers because of a quota, in milliseconds',
    registers,
    collect() {
      this.set(throttling.now());
    },
  });

  return {
    registry,
    throttling,
    paused: () => partitions.paused(),
    records: createRecordLedger(registry),
    held: createHeldRecords(registry),
    input: ({ label, path }) => {
      const received = started(input.received.labels(label, path));
      const stalls = started(input.stalls.labels(label, path));
      const batches = (mechanism: string) => input.batches.labels(label, `${path}.batching`, mechanism);
      for (const mechanism of BATCH_MECHANISMS) started(batches(mechanism));
      for (const reason of SKIP_REASONS) {
        started(input.offsetResets.labels(label, path, reason));
        started(input.skipped.labels(label, path, reason));
      }
      return {
        ...connectionOf(input.connection, label, path),
        ...partitions.add({ label, path }),
        received: (records) => received.inc(records),
        latency: input.latency({ label, path }),
        batchCreated: (mechanism) => batches(mechanism).inc(),
        lag: (topic, partition, records) => {
          for (const gauge of input.lags)
            gauge.labels(label, path, topic, String(partition)).set(records ?? Number.NaN);
        },
        unlisted: (topic, partition, records) =>
          input.unlisted.labels(label, path, topic, String(partition)).set(records),
        moved: (reason, skipped) => {
          input.offsetResets.labels(label, path, reason).inc();
          input.skipped.labels(label, path, reason).inc(skipped);
        },
        stalled: () => stalls.inc(),
        lagGone: (topic, partition) => {
          for (const gauge of [...input.lags, input.unlisted]) gauge.remove(label, path, topic, String(partition));
        },
      };
    },
    processor: ({ label, path }) => {
      const received = started(processor.received.labels(label, path));
      const batchReceived = started(processor.batchReceived.labels(label, path));
      const sent = started(processor.sent.labels(label, path));
      const batchSent = started(processor.batchSent.labels(label, path));
      const error = started(processor.error.labels(label, path));
      const lost = (reason: WorkerLoss) => processor.workersLost.labels(label, path, reason);
      started(lost('blocked'));
      started(lost('died'));
      started(lost('read_timeout'));
      return {
        received: (records) => {
          received.inc(records);
          batchReceived.inc();
        },
        sent: (records) => {
          sent.inc(records);
          batchSent.inc();
        },
        error: (records = 1) => error.inc(records),
        workerLost: (reason) => lost(reason).inc(),
        latency: processor.latency({ label, path }),
      };
    },
    output: ({ label, path }) => {
      const sent = started(output.sent.labels(label, path));
      const batchSent = started(output.batchSent.labels(label, path));
      const error = started(output.error.labels(label, path));
      started(output.rejected.labels(label, path));
      return {
        ...connectionOf(output.connection, label, path),
        sent: (records) => {
          sent.inc(records);
          batchSent.inc();
        },
        error: () => error.inc(),
        latency: output.latency({ label, path }),
      };
    },
    storageRoot: createStorageRootMetrics(registry),
    series: async (name) => {
      const metric = await registry.getSingleMetric(name)?.get();
      return (metric?.values ?? []).map(({ labels, value }) => ({ labels: { ...labels }, value }));
    },
    text: () => registry.metrics(),
  };
}

interface ConnectionCounters {
  readonly up: Counter;
  readonly failed: Counter;
  readonly lost: Counter;
}

function connectionOf(counters: ConnectionCounters, label: string, path: string): ConnectionMetrics {
  const up = started(counters.up.labels(label, path));
  const failed = started(counters.failed.labels(label, path));
  const lost = started(counters.lost.labels(label, path));
  return { connectionUp: () => up.inc(), connectionFailed: () => failed.inc(), connectionLost: () => lost.inc() };
}

// Starts each series at 0: a series that appears with its first error has no rate to alert on.
function started(counter: Counter.Internal): Counter.Internal {
  counter.inc(0);
  return counter;
}
