import path from 'node:path';
import { z } from 'zod';
import { isMapping, readComponent } from './component.ts';
import type { ComponentConfig, GroupConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import {
  byteSize,
  duration,
  list,
  mapping,
  nonEmptyList,
  nonEmptyText,
  oneOf,
  percentageOrNever,
  positiveOrDefault,
  wholeNumber,
} from './fields.ts';

const pipelineSchema = mapping({ threads: positiveOrDefault().default(-1), processors: list(z.unknown()) });

const groupSchema = mapping({
  storage_roots: nonEmptyList(
    nonEmptyText().refine((root) => path.isAbsolute(root), { error: 'expected an absolute path' }),
  ),
  concurrency: wholeNumber(1, 10_000).default(40),
  workers: wholeNumber(1, 64).default(2),
  reads_in_flight: wholeNumber(1, 1_000).default(128),
  file_wait: duration('0s').default(60_000),
  max_waiting: wholeNumber(1, 10_000_000).default(100_000),
  max_waiting_bytes: byteSize('1MiB', '64GiB').default(64 * 2 ** 20),
  read_timeout: duration().default(10_000),
  missing_files: oneOf(['wait', 'dead_letter']).default('wait'),
  outage_share: percentageOrNever().default({ share: 0.95 }),
  outage_files: wholeNumber(1, 1_000_000).default(200),
  missing_identity: oneOf(['use_message', 'dead_letter']).default('use_message'),
});

/** Reads `pipeline`: one processor, `group_dicom_state`. With `partial`, there may be none, and then no storage roots. */
export function readPipeline(document: ConfigDocument, { partial = false } = {}): GroupConfig | undefined {
  const processors = ['pipeline', 'processors'];
  if (partial && document.at(['pipeline']) === undefined) return withoutProcessor(-1);
  const pipeline = document.check(pipelineSchema, ['pipeline']);
  if (pipeline === undefined) return undefined;
  if (partial && pipeline.processors.length === 0) return withoutProcessor(pipeline.threads);
  if (pipeline.processors.length !== 1) {
    document.report(processors, 'expected exactly one processor, group_dicom_state');
    for (let index = 1; index < pipeline.processors.length; index++) {
      if (isMapping(pipeline.processors[index])) {
        readComponent(document, [...processors, index], 'processor', ['group_dicom_state']);
      }
    }
    if (pipeline.processors.length === 0) return undefined;
  }
  const component = readComponent(document, [...processors, 0], 'processor', ['group_dicom_state']);
  const fields = component && document.check(groupSchema, component.body);
  if (component === undefined || fields === undefined) return undefined;
  return toGroup(component, fields, pipeline.threads);
}

/** The defaults, without storage roots. */
function withoutProcessor(threads: number): GroupConfig {
  const fields = groupSchema.parse({ storage_roots: ['/'] });
  return { ...toGroup({ label: '', path: 'root.pipeline' }, fields, threads), storageRoots: [] };
}

function toGroup(
  { label, path: place }: ComponentConfig,
  fields: z.output<typeof groupSchema>,
  threads: number,
): GroupConfig {
  return {
    label,
    path: place,
    storageRoots: fields.storage_roots.map((root) => path.normalize(root)),
    concurrency: threads === -1 ? fields.concurrency : Math.min(threads, fields.concurrency),
    workers: fields.workers,
    readsInFlight: fields.reads_in_flight,
    fileWaitMs: fields.file_wait,
    waitingLimits: { records: fields.max_waiting, bytes: fields.max_waiting_bytes },
    readTimeoutMs: fields.read_timeout,
    missingFiles: fields.missing_files,
    outageShare: fields.outage_share.share,
    outageFiles: fields.outage_files,
    missingIdentity: fields.missing_identity,
  };
}
