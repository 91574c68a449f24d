import { noFailures } from '../dicom/files/messages.ts';
import { ReadJob } from '../dicom/files/read-job.ts';
import { LatestPerKey, timestampsJson } from '../dicom/rows/latest-per-key.ts';
import { DicomReadError } from '../errors.ts';
import type { HeaderReader, MissingIdentity } from '../ports.ts';
import { MemoryReader } from './dicom-memory.ts';

/** How the reader answers. */
export interface DicomReaderOptions {
  /** How a file without PatientID or StudyDate is handled. Default `use_message`. */
  readonly missingIdentity?: MissingIdentity;
}

/**
 * Reads DICOM files in memory with the parser of the service: rows, keys and error codes are those of real files. `files` has their bytes
 * by path; a path that it lacks is a missing file. Files may be added later, as those of a slow writer.
 */
export function createDicomReader(
  files: ReadonlyMap<string, Uint8Array>,
  { missingIdentity = 'use_message' }: DicomReaderOptions = {},
): HeaderReader {
  const parser = new MemoryReader();
  const headerOf = (bytes: Uint8Array | undefined) => {
    if (bytes === undefined) throw new DicomReadError('file_missing');
    return parser.header(bytes);
  };
  return {
    async read(wanted) {
      const job = new ReadJob(wanted, missingIdentity);
      const request = job.request(0, { mode: 'blocking', leavesSlow: false, width: 1 });
      const latest = new LatestPerKey(request, timestampsJson(new Date()));
      const failures = noFailures();
      request.paths.forEach((path, index) => {
        const bytes = files.get(path);
        try {
          latest.offer(index, headerOf(bytes));
        } catch (error) {
          if (!(error instanceof DicomReadError)) throw error;
          failures.indexes.push(index);
          failures.codes.push(error.code);
          failures.attributes.push(error.attribute);
          // Its writer may not have finished.
          failures.incomplete.push(bytes !== undefined && bytes.length < (request.sizes[index] ?? 0));
        }
      });
      job.resolve({ kind: 'batch', id: 0, width: 0, ...latest.rows(), failures });
      return await job.result;
    },
    stillMissing: async (paths) => paths.map((path) => !files.has(path)),
    close: async () => undefined,
  };
}
