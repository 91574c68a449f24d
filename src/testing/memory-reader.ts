import { DicomReadError, type DicomReadErrorCode } from '../errors.ts';
import type { HeaderBatch, HeaderReader, HeaderRow } from '../ports.ts';
import type { FileToRead } from '../records/records.ts';
import { compareVersions } from '../records/version.ts';

/** How the reader answers. */
export interface MemoryReaderOptions {
  /** Files that can't be read, by path. */
  readonly failures?: ReadonlyMap<string, DicomReadErrorCode>;
}

/**
 * Replaces the DICOM reader in tests of the topology: the last three parts of a file's path are its study, series and instance.
 * Reduces to the greatest version of each key, as the real reader does.
 */
export function createMemoryReader(options: MemoryReaderOptions = {}): HeaderReader {
  return {
    read: async (files) => readAll(files, options.failures ?? new Map()),
    close: async () => undefined,
  };
}

function readAll(files: readonly FileToRead[], failures: ReadonlyMap<string, DicomReadErrorCode>): HeaderBatch {
  const states = new Map<string, HeaderRow>();
  const images = new Map<string, HeaderRow>();
  const failed: { index: number; error: DicomReadError }[] = [];
  files.forEach((file, index) => {
    const failure = failures.get(file.path);
    if (failure !== undefined) {
      failed.push({ index, error: new DicomReadError(failure) });
      return;
    }
    const [study = '', series = '', sop = ''] = file.path.split('/').slice(-3);
    const state = { tenant_id: file.tenantId, study_uid: study, series_uid: series };
    put(states, files, {
      index,
      identity: [file.tenantId, study, series].join('\0'),
      key: `${study}/${series}`,
      json: Buffer.from(JSON.stringify(state)),
    });
    const image = { ...state, sop_uid: sop };
    put(images, files, {
      index,
      identity: [file.tenantId, study, series, sop].join('\0'),
      key: `${study}/${series}/${sop}`,
      json: Buffer.from(JSON.stringify(image)),
    });
  });
  return { states: [...states.values()], images: [...images.values()], failures: failed };
}

function put(rows: Map<string, HeaderRow>, files: readonly FileToRead[], row: HeaderRow): void {
  const stored = rows.get(row.identity);
  const mine = files[row.index];
  const theirs = stored === undefined ? undefined : files[stored.index];
  if (mine !== undefined && (theirs === undefined || compareVersions(mine.version, theirs.version) > 0))
    rows.set(row.identity, row);
}
