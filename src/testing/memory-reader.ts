import { hashUid } from '../dicom/rows/uid-hash.ts';
import { DicomReadError, type DicomReadErrorCode } from '../errors.ts';
import type { HeaderBatch, HeaderReader, HeaderRow } from '../ports.ts';
import type { DicomImageMeta, DicomStateMeta } from '../records/output-records.ts';
import type { FileToRead } from '../records/records.ts';
import { compareVersions } from '../records/version.ts';
import { SAMPLE_IMAGE, SAMPLE_STATE } from './sample-header.ts';

/** Fields of a header as the output records carry them. Fields that are left out have sample values. */
export interface MemoryHeader {
  readonly state?: Partial<DicomStateMeta>;
  readonly image?: Partial<DicomImageMeta>;
}

/** How the reader answers. */
export interface MemoryReaderOptions {
  /** Files that can't be read, by path. */
  readonly failures?: ReadonlyMap<string, DicomReadErrorCode>;
  /** The header of a file: `() => ({ state: { modality: 'MR' } })`. */
  readonly header?: (file: FileToRead) => MemoryHeader;
}

/**
 * Replaces the DICOM reader in tests of the topology: the last three parts of a file's path are its study, series and instance, the other
 * fields are those of `header`. The rows are complete (docs/topics.md). Reduces to the greatest version of each key, as the real reader does.
 */
export function createMemoryReader({ failures = new Map(), header }: MemoryReaderOptions = {}): HeaderReader {
  return {
    read: async (files) => readAll(files, failures, header ?? (() => ({}))),
    close: async () => undefined,
  };
}

function readAll(
  files: readonly FileToRead[],
  failures: ReadonlyMap<string, DicomReadErrorCode>,
  header: (file: FileToRead) => MemoryHeader,
): HeaderBatch {
  const states = new Map<string, Candidate>();
  const images = new Map<string, Candidate>();
  const failed: { index: number; error: DicomReadError }[] = [];
  files.forEach((file, index) => {
    const failure = failures.get(file.path);
    if (failure !== undefined) {
      failed.push({ index, error: new DicomReadError(failure) });
      return;
    }
    const [study = '', series = '', sop = ''] = file.path.split('/').slice(-3);
    const { state, image } = header(file);
    const keys = { tenant_id: file.tenantId, patient_id: file.patientId, study_uid: study, series_uid: series };
    const hashes = { study_uid_hash: hashUid(study), series_uid_hash: hashUid(series) };
    const { time, traceId } = file.version;
    const times = { created_time: time, updated_time: time, source_time: time, source_trace_id: traceId };
    put(states, files, {
      index,
      identity: [file.tenantId, study, series].join('\0'),
      key: `${study}/${series}`,
      row: (): DicomStateMeta => ({ ...keys, ...hashes, ...SAMPLE_STATE, ...times, ...state }),
    });
    put(images, files, {
      index,
      identity: [file.tenantId, study, series, sop].join('\0'),
      key: `${study}/${series}/${sop}`,
      row: (): DicomImageMeta => ({
        ...keys,
        sop_uid: sop,
        ...hashes,
        ...SAMPLE_IMAGE,
        space_size: file.size,
        ...times,
        ...image,
      }),
    });
  });
  return { states: rowsOf(states), images: rowsOf(images), failures: failed };
}

/** The row of a file, whose JSON is only made for the greatest version of its key. */
interface Candidate extends Omit<HeaderRow, 'json'> {
  readonly row: () => DicomStateMeta | DicomImageMeta;
}

function rowsOf(candidates: ReadonlyMap<string, Candidate>): readonly HeaderRow[] {
  return [...candidates.values()].map(({ index, identity, key, row }) => {
    return { index, identity, key, json: Buffer.from(JSON.stringify(row())) };
  });
}

function put(rows: Map<string, Candidate>, files: readonly FileToRead[], row: Candidate): void {
  const stored = rows.get(row.identity);
  const mine = files[row.index];
  const theirs = stored === undefined ? undefined : files[stored.index];
  if (mine !== undefined && (theirs === undefined || compareVersions(mine.version, theirs.version) > 0))
    rows.set(row.identity, row);
}
