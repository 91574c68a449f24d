/**
 * wado-consumer as a library: the service, its topology, and the operators, ports and clients for a custom topology
 * (docs/library.md).
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
export type { Delivery, ServiceNodes } from '../topology/delivery.ts';
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
export type { Config } from './config/config.ts';
export { lintConfig, loadConfig } from './config/load.ts';
export { createFileReader, type FileReaderOptions } from './dicom/files/file-reader.ts';
export * from './errors.ts';
export { acknowledgeRecords } from './operators/acknowledge-records.ts';
export { batchWhenIdle, type IdleBatching } from './operators/batch-when-idle.ts';
export { commitTogether } from './operators/commit-together.ts';
export { type Branches, forkTo } from './operators/fork-to.ts';
export { type GroupOptions, groupDicomState } from './operators/group-dicom-state.ts';
export { keepRecords } from './operators/keep-records.ts';
export { mapRecords } from './operators/map-records.ts';
export { type ParseEvents, parseRecords } from './operators/parse-records.ts';
export { parseValues } from './operators/parse-values.ts';
export { DEFAULT_RETRY, type RetryPolicy, retryTransient, type TransientFailure } from './operators/retry-transient.ts';
export { toBatch } from './operators/to-batch.ts';
export type * from './ports.ts';
export type { DicomStoreMeta } from './records/dicom-store-meta.ts';
export type { DicomImageMeta, DicomStateMeta } from './records/output-records.ts';
export type * from './records/records.ts';
export { Origin, rejectionOf, sourceOf } from './records/records.ts';
export type { Version } from './records/version.ts';
export { type Service, type ServiceOptions, startService } from './runtime/service.ts';
export type { RestartPolicy, StopResult } from './runtime/supervise.ts';
export type { RecordOf } from './sinks/publications.ts';
