/**
 * Support for tests of whatever runs between Kafka and a database (docs/testing.md).
 *
 * @module wado-consumer/testing
 */
export { type EmbeddedBroker, startBroker } from '../embedded/broker.ts';
export { type EmbeddedDatabase, type EmbeddedDatabaseOptions, startDatabase } from '../embedded/database.ts';
export { type ReadTopicOptions, readTopic, type TopicRecord } from '../kafka/admin/read-topic.ts';
export type { NativeConfig } from '../kafka/client/types.ts';
export type { DicomStoreMeta } from '../records/dicom-store-meta.ts';
export type { DicomImageMeta, DicomStateMeta } from '../records/output-records.ts';
export type { Items, PlainValue } from '../samples/dicom-data-set.ts';
export type { Encoding } from '../samples/dicom-element.ts';
export {
  buildDataSet,
  buildDicomFile,
  type DataSet,
  type DicomFileOptions,
  type ElementValue,
  TRANSFER_SYNTAX,
} from '../samples/dicom-file.ts';
export { POISON_KINDS, type PoisonKind } from '../samples/poison.ts';
export {
  type GeneratedRecord,
  type GeneratedStudy,
  generateStudies,
  type StudiesOptions,
  type StudyShape,
} from '../samples/studies.ts';
export { createMemoryDatabase, type MemoryDatabase } from '../sinks/memory.ts';
export { type Authority, type Certificate, type CertificateOptions, createAuthority } from './certificates.ts';
export { consumedRecord, MemoryOrigin } from './consumed-record.ts';
export { type DatabaseProxy, startDatabaseProxy } from './database-proxy.ts';
export { type CorpusOptions, dicomCorpus } from './dicom-corpus.ts';
export { mutant } from './dicom-mutants.ts';
export { createDicomReader, type DicomReaderOptions } from './dicom-reader.ts';
export {
  type InputDriver,
  type InputOptions,
  type InputRecord,
  type InputTime,
  type InputValue,
  type OutputRecord,
  TestInputTopic,
  TestOutputTopic,
} from './driver/test-topics.ts';
export { differences, type EndState, expectedState } from './end-state.ts';
export { type FreshDatabase, freshDatabase, freshName } from './fresh-database.ts';
export { type ExpectedKeys, type LoadOptions, type LoadRecord, makeLoad } from './load.ts';
export { createMemoryReader, type MemoryHeader, type MemoryReaderOptions } from './memory-reader.ts';
export { Pipeline, type PipelineOptions, type TopicCalls } from './pipeline.ts';
export {
  type Hold,
  type ProxyTarget,
  type Rewriter,
  startTcpProxy,
  type TcpProxy,
  type TcpProxyOptions,
} from './proxy.ts';
export { type Exit, type ServiceProcess, type ServiceProcessOptions, startServiceProcess } from './service-process.ts';
export type { ServiceState } from './service-state.ts';
export type { StackOptions } from './stack/options.ts';
export type { Leftovers } from './stack/reaper.ts';
export { StackError } from './stack/server.ts';
export type { Line, Part, Stack, TopicName } from './stack/stack.ts';
export { startStack } from './stack/start-stack.ts';
export { storeMeta } from './store-meta.ts';
export { type StoredKeys, storedKeys } from './stored-keys.ts';
export { createTopicAdmin, type TopicAdmin } from './topic-admin.ts';
export { type TestDriverOptions, TopologyTestDriver } from './topology-test-driver.ts';
export { until } from './until.ts';
