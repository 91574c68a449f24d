/**
 * The configuration as the program uses it, with every default filled in. It is read from a file in Redpanda Connect's schema
 * (`redpanda.yaml`). Durations are milliseconds, sizes are bytes.
 */
import type { DriverOptionValues } from '../databases/driver-options.ts';
import type { DatabaseDriverName } from '../databases/registry.ts';
import type { MissingIdentity } from '../ports.ts';
import type { Secret } from './secret.ts';

/** The fields that every component has. */
export interface ComponentConfig {
  /** The component's `label`, or '' without one, as Redpanda Connect reports it. */
  readonly label: string;
  /** The component's path in Redpanda Connect's form: `root.input`, `root.output.reject_errored.broker.outputs.0`. */
  readonly path: string;
}

/** The whole configuration; see the head of this file. */
export interface Config {
  /** The file that was read, as it was named. */
  readonly file: string;
  readonly http: HttpConfig;
  readonly logger: LoggerConfig;
  /** How long `/ready` is 503 before the intake ends. */
  readonly shutdownDelayMs: number;
  /** How long draining may take before the process ends without it. */
  readonly shutdownTimeoutMs: number;
  readonly input: InputConfig;
  readonly group: GroupConfig;
  /** At least one, in the file's order. */
  readonly databases: readonly DatabaseConfig[];
  readonly topics: TopicsConfig;
}

/**
 * A configuration for a custom topology, which may lack what the topology doesn't use: `databases` and `group.storageRoots` may be empty,
 * and the state and the image topic may both be missing. Every `Config` is one.
 */
export interface PartialConfig extends Omit<Config, 'topics'> {
  readonly topics: PartialTopicsConfig;
}

/** The topics of a `PartialConfig`. */
export interface PartialTopicsConfig extends Pick<TopicsConfig, 'producer' | 'deadLetter'> {
  readonly state?: TopicConfig | undefined;
  readonly image?: TopicConfig | undefined;
}

/** `http`: the admin endpoints. */
export interface HttpConfig {
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  /** A prefix under which every endpoint is also available: `/benthos`. */
  readonly rootPath: string;
}

/** pino's level names; Redpanda Connect's `OFF` and `NONE` are `silent`, `ALL` is `trace`. */
export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** `logger`: level and form of the log. */
export interface LoggerConfig {
  readonly level: LogLevel;
  readonly format: 'json' | 'logfmt';
  /** Fields of every log line. */
  readonly staticFields: Readonly<Record<string, string>>;
}

/** How to reach a cluster; the same for input and outputs. */
export interface KafkaConnectionConfig {
  /** `host:port`, at least one. */
  readonly seedBrokers: readonly string[];
  readonly clientId: string;
  /** Set when `tls.enabled`. */
  readonly tls?: TlsConfig;
  /** Set when there is a mechanism other than `none`. */
  readonly sasl?: SaslConfig;
}

/** `tls` of an input or output. */
export interface TlsConfig {
  readonly skipCertVerify: boolean;
  /** PEM text of the authorities to trust. At most one of `rootCas` and `rootCasFile` is set; with neither, the system's. */
  readonly rootCas?: string;
  readonly rootCasFile?: string;
  readonly clientCert?: ClientCertConfig;
}

/** Certificate and key, both as PEM text or both as files. */
export type ClientCertConfig = {
  /** Decrypts the key. */
  readonly password?: Secret;
} & (
  | { readonly kind: 'inline'; readonly cert: string; readonly key: Secret }
  | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string }
);

/** `sasl` of an input or output: its mechanism with the credentials. */
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
  /** Where a group without a committed offset starts; `committed` makes that an error. */
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
  /** The member's permanent name in its group (static membership, KIP-345). */
  readonly instanceId?: string;
  /** The rack whose replicas are preferred (KIP-392). */
  readonly rackId?: string;
  /** Whether one batch is processed after the other, in the order of the records (`unordered_processing.enabled: false`). */
  readonly inOrder: boolean;
  /** The maximum number of records that are emitted and not yet acknowledged. */
  readonly checkpointLimit: number;
  readonly batching: BatchingConfig;
}

/** A batch is complete at `count` records, at `byteSize` bytes of their values, or `periodMs` after its first one. */
export interface BatchingConfig {
  readonly count: number;
  readonly byteSize?: number;
  readonly periodMs: number;
  /** Whether a batch is also complete as soon as no other record is in flight. */
  readonly flushWhenIdle: boolean;
}

/** `pipeline.processors[0].group_dicom_state`: how headers are read. */
export interface GroupConfig extends ComponentConfig {
  /** Absolute paths, at least one. Files are opened below them only. */
  readonly storageRoots: readonly string[];
  /** Batches whose headers are read concurrently: the lower of `pipeline.threads`, if it is positive, and `concurrency`. */
  readonly concurrency: number;
  /** Worker threads that read headers. */
  readonly workers: number;
  /** Maximum number of files that are read at the same time from slow storage. */
  readonly readsInFlight: number;
  /** How long to wait for a file that is missing or still being written. */
  readonly fileWaitMs: number;
  /** Limits of the records that wait. `bytes` is what they hold in memory. */
  readonly waitingLimits: { readonly records: number; readonly bytes: number };
  /** How long a reader thread may make no progress before it is replaced. */
  readonly readTimeoutMs: number;
  /** Whether nearly all files missing means that their storage root is lost: `dead_letter` says that it doesn't. */
  readonly missingFiles: 'wait' | 'dead_letter';
  /** Share of the recent files of a root that must fail for the root to count as lost, up to 1; undefined: never. */
  readonly outageShare: number | undefined;
  /** The least number of recent files for that. */
  readonly outageFiles: number;
  /** What becomes of a file without PatientID or StudyDate. */
  readonly missingIdentity: MissingIdentity;
}

/** `dicom_store`: one database. */
export interface DatabaseConfig extends ComponentConfig {
  readonly driver: DatabaseDriverName;
  readonly dsn: Secret;
  /** Maximum number of connections, and so of concurrent statements. */
  readonly maxInFlight: number;
  /** Whether to create or update the tables when the service starts. */
  readonly migrate: boolean;
  readonly statementTimeoutMs: number;
  /** Consecutive refusals for the same reason after which the database counts as out of order. */
  readonly refusedInARow: number;
  /** The driver's own options. */
  readonly options: DriverOptionValues;
}

/** The three `redpanda` outputs. They share their producer settings. */
export interface TopicsConfig {
  readonly producer: ProducerConfig;
  readonly state: TopicConfig;
  readonly image: TopicConfig;
  readonly deadLetter: TopicConfig;
}

/** The compression of produced batches. */
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** The settings that the three topics share. */
export interface ProducerConfig extends KafkaConnectionConfig {
  readonly idempotentWrite: boolean;
  /** Always `all`: an offset is committed only for what every in-sync replica holds. */
  readonly acks: 'all';
  readonly compression: Compression;
  /** How long a broker may take to answer one request. */
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
}

/** One output topic. The record's key is always the metadata `key` that `group_dicom_state` sets: `${! @key }` in the file. */
export interface TopicConfig extends ComponentConfig {
  readonly topic: string;
}

/** A component's name in logs, errors and `describe`: its label, or its path without one. */
export function nameOf(component: ComponentConfig): string {
  return component.label === '' ? component.path : component.label;
}
