/**
 * The configuration as the program uses it: typed, complete, every default filled in. It comes from a file in Redpanda Connect's
 * schema (`redpanda.yaml`); field names here are camelCase, durations are milliseconds, sizes are bytes.
 */
import type { DatabaseDriverName } from '../databases/registry.ts';
import type { Secret } from './secret.ts';

/** What every component of the file has. */
export interface ComponentConfig {
  /** The component's `label`, or '' where the file gives none: as Redpanda Connect reports it. */
  readonly label: string;
  /** Redpanda Connect's name for its place: `root.input`, `root.output.reject_errored.broker.outputs.0`. */
  readonly path: string;
}

export interface Config {
  /** The file it was read from, as it was named. */
  readonly file: string;
  readonly http: HttpConfig;
  readonly logger: LoggerConfig;
  /** How long a stop is announced (`/ready` says no) before the intake ends. */
  readonly shutdownDelayMs: number;
  /** How long draining may take before the process exits anyway. */
  readonly shutdownTimeoutMs: number;
  readonly input: InputConfig;
  readonly group: GroupConfig;
  /** At least one, in the file's order. */
  readonly databases: readonly DatabaseConfig[];
  readonly topics: TopicsConfig;
}

export interface HttpConfig {
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  /** A prefix under which every endpoint is offered a second time: `/benthos`. */
  readonly rootPath: string;
}

/** pino's level names; Redpanda Connect's `OFF` and `NONE` are `silent`, `ALL` is `trace`. */
export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

export interface LoggerConfig {
  readonly level: LogLevel;
  readonly format: 'json';
  /** Fields that every log line carries. */
  readonly staticFields: Readonly<Record<string, string>>;
}

/** How to reach a cluster; the same for input and outputs. */
export interface KafkaConnectionConfig {
  /** `host:port`, at least one. */
  readonly seedBrokers: readonly string[];
  readonly clientId: string;
  /** Set when `tls.enabled`. */
  readonly tls?: TlsConfig;
  /** Set when a mechanism other than `none` is asked for. */
  readonly sasl?: SaslConfig;
}

export interface TlsConfig {
  readonly skipCertVerify: boolean;
  /** PEM text of the authorities to trust. At most one of `rootCas` and `rootCasFile` is set; with neither, the system's. */
  readonly rootCas?: string;
  readonly rootCasFile?: string;
  readonly clientCert?: ClientCertConfig;
}

/** Both halves inline as PEM, or both as files. */
export type ClientCertConfig = {
  /** Opens an encrypted key. */
  readonly password?: Secret;
} & (
  | { readonly kind: 'inline'; readonly cert: string; readonly key: Secret }
  | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string }
);

export type SaslConfig =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly username: string;
      readonly password: Secret;
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: Secret };

/** `input.redpanda`: where records come from. */
export interface InputConfig extends ComponentConfig, KafkaConnectionConfig {
  /** At least one. */
  readonly topics: readonly string[];
  readonly consumerGroup: string;
  /** Where a group without a committed offset starts; `committed` refuses to start without one. */
  readonly startOffset: 'earliest' | 'latest' | 'committed';
  readonly isolationLevel: 'read_uncommitted' | 'read_committed';
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly commitPeriodMs: number;
  readonly fetchMaxBytes: number;
  readonly fetchMaxPartitionBytes: number;
  readonly fetchMinBytes: number;
  readonly fetchMaxWaitMs: number;
  /** The member's lasting name in its group (static membership, KIP-345). */
  readonly instanceId?: string;
  /** The rack to prefer replicas of (KIP-392). */
  readonly rackId?: string;
  /** The most records that may be emitted and not yet acked. */
  readonly checkpointLimit: number;
  readonly batching: BatchingConfig;
}

/** A batch is full at `count` records, or `periodMs` after it began. */
export interface BatchingConfig {
  readonly count: number;
  readonly periodMs: number;
}

/** `pipeline.processors[0].group_dicom_state`: how headers are read. */
export interface GroupConfig extends ComponentConfig {
  /** Absolute paths, at least one. Files are opened only below them. */
  readonly storageRoots: readonly string[];
  /** Batches in flight. */
  readonly concurrency: number;
  /** Worker threads that read headers. */
  readonly workers: number;
  /** How long a file that isn't there yet, or is still being written, is waited for. */
  readonly fileWaitMs: number;
  /** How long reading one batch of headers may take. */
  readonly readTimeoutMs: number;
}

/** `dicom_store`: one database. */
export interface DatabaseConfig extends ComponentConfig {
  readonly driver: DatabaseDriverName;
  readonly dsn: Secret;
  /** Connections, which is statements at once. */
  readonly maxInFlight: number;
  /** Whether to bring the tables up to date when the service starts. */
  readonly migrate: boolean;
  readonly statementTimeoutMs: number;
}

/** The three `redpanda` outputs. They share one producer, so they share its settings. */
export interface TopicsConfig {
  readonly producer: ProducerConfig;
  readonly state: TopicConfig;
  readonly image: TopicConfig;
  readonly deadLetter: TopicConfig;
}

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export interface ProducerConfig extends KafkaConnectionConfig {
  readonly idempotentWrite: boolean;
  /** Always `all`: an offset is committed only for what every in-sync replica holds. */
  readonly acks: 'all';
  readonly compression: Compression;
  /** How long the broker may take to answer one request. */
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
}

/** One output topic. The record's key is always the metadata `key` that `group_dicom_state` sets: `${! @key }` in the file. */
export interface TopicConfig extends ComponentConfig {
  readonly topic: string;
}

/** What to call a component in logs, errors and `describe`: its label, or its place where it has none. */
export function nameOf(component: ComponentConfig): string {
  return component.label === '' ? component.path : component.label;
}
