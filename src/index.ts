/**
 * wado-consumer as a library: the service, its topology, and the operators, ports and clients for a custom topology
 * (docs/library.md).
 *
 * @module wado-consumer
 */

export type { BufferOptions } from '../topology/buffer.ts';
export {
  consume,
  type Fork,
  type ForkOptions,
  type Output,
  type OutputMap,
  type Stream,
  type Topology,
  type TransactionalFork,
} from '../topology/compose.ts';
export type { Delivery, ExactlyOnceServiceNodes, ServiceNodes } from '../topology/delivery.ts';
export { describe, toMermaid } from '../topology/describe.ts';
export type { ProcessorNode, SinkNode, SourceNode, TopologyNode } from '../topology/nodes.ts';
export { outlineOf } from '../topology/outline.ts';
export {
  type ExactlyOnceNodes,
  exactlyOnceTopology,
  type Nodes,
  readHeaders,
  type Settings,
  topology,
} from '../topology/topology.ts';
export type {
  BatchingConfig,
  ClientCertConfig,
  ComponentConfig,
  Compression,
  Config,
  DatabaseConfig,
  GroupConfig,
  HttpConfig,
  InputConfig,
  KafkaConnectionConfig,
  LoggerConfig,
  LogLevel,
  PartialConfig,
  PartialTopicsConfig,
  ProducerConfig,
  SaslConfig,
  TlsConfig,
  TopicConfig,
  TopicsConfig,
} from './config/config.ts';
export type { Environment } from './config/environment.ts';
export { type LoadOptions, lintConfig, loadConfig, loadPartialConfig } from './config/load.ts';
export type { Secret } from './config/secret.ts';
export type { DriverOption, DriverOptions, DriverOptionValue, DriverOptionValues } from './databases/driver-options.ts';
export type { DatabaseDriverName } from './databases/registry.ts';
export { createFileReader, type FileReaderOptions } from './dicom/files/file-reader.ts';
export * from './errors.ts';
export type { GroupProtocol } from './kafka/client/settings.ts';
export type { ProducerRecord } from './kafka/producer/producer-record.ts';
export { acknowledgeRecords } from './operators/acknowledge-records.ts';
export type { SizeLimit } from './operators/batch-size.ts';
export { batchWhenIdle, type IdleBatching } from './operators/batch-when-idle.ts';
export { commitTogether } from './operators/commit-together.ts';
export { type Branches, type ForkToOptions, forkTo } from './operators/fork-to.ts';
export { type GroupOptions, groupDicomState } from './operators/group-dicom-state.ts';
export { keepRecords } from './operators/keep-records.ts';
export { mapRecords } from './operators/map-records.ts';
export { type ParseEvents, parseRecords } from './operators/parse-records.ts';
export { parseValues } from './operators/parse-values.ts';
export { DEFAULT_RETRY, type RetryPolicy, retryTransient, type TransientFailure } from './operators/retry-transient.ts';
export { toBatch } from './operators/to-batch.ts';
export type { Dashboard, DashboardSnapshot, NodeSnapshot } from './ops/dashboard.ts';
export type { ComponentStatus } from './ops/health.ts';
export type { HeldPartition } from './ops/held-records.ts';
export type { LogFields, Logger, LogMethod } from './ops/logger.ts';
export type { Component, Series } from './ops/metrics.ts';
export type { LedgerFigures } from './ops/record-ledger.ts';
export type * from './ports.ts';
export type { DicomStoreMeta } from './records/dicom-store-meta.ts';
export type { DicomImageMeta, DicomStateMeta } from './records/output-records.ts';
export type * from './records/records.ts';
export { Origin, rejectionOf, sourceOf } from './records/records.ts';
export type { Version } from './records/version.ts';
export { type Service, type ServiceMetrics, type ServiceOptions, startService } from './runtime/service.ts';
export type { RestartPolicy, StopResult } from './runtime/supervise.ts';
export type { RecordOf, TransactionTopic } from './sinks/publications.ts';
