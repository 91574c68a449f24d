/** wado-consumer/testing: support for integration tests. */
export { readTopic } from '../kafka/admin/read-topic.ts';
export { buildDataSet, buildDicomFile, type DicomFileOptions, TRANSFER_SYNTAX } from '../samples/dicom-file.ts';
export { generateStudies } from '../samples/studies.ts';
export { createMemoryDatabase, type MemoryDatabase } from '../sinks/memory.ts';
export { consumedRecord, MemoryOrigin } from './consumed-record.ts';
export { type LoadOptions, type LoadRecord, makeLoad } from './load.ts';
export { createMemoryReader, type MemoryReaderOptions } from './memory-reader.ts';
export { type ServiceProcess, type ServiceProcessOptions, startServiceProcess } from './service-process.ts';
export { storeMeta } from './store-meta.ts';
export { type TestDriverOptions, TopologyTestDriver } from './topology-test-driver.ts';
