import fs from 'node:fs';
import { slotOf } from '../dicom/bytes/attributes.ts';
import { type Reading, runConcurrently } from '../dicom/files/file-calls.ts';
import { toReadError } from '../dicom/files/file-error.ts';
import { FileHeader } from '../dicom/files/file-header.ts';
import { NO_MESSAGE, readIdentity } from '../dicom/rows/identity.ts';
import { stateMetaJson } from '../dicom/rows/state-meta.ts';
import { DicomReadError } from '../errors.ts';
import type { HeaderOutcome } from './publish-folder.ts';
import type { StoredHeader } from './stored-file-meta.ts';

const NUMBER_OF_FRAMES = slotOf('NumberOfFrames');

/**
 * Returns a function that reads headers without blocking, for paths from the user's own folder. Keeps as many readers
 * as were used concurrently.
 */
export function storedHeaderReader(): (path: string) => Promise<HeaderOutcome> {
  const idle: FileHeader[] = [];
  return async (path) => {
    const reader = idle.pop() ?? new FileHeader();
    try {
      await new Promise((resolve, reject) => {
        runConcurrently(reader.read(openForReading(path)), () => undefined, resolve, reject);
      });
      return { ok: true, header: storedHeader(reader) };
    } catch (error) {
      return { ok: false, error: toReadError(error).message };
    } finally {
      idle.push(reader);
    }
  };
}

function* openForReading(path: string): Reading<number> {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
  return (yield { call: 'open', path, flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW }) as number;
}

/**
 * Fields that the state record and a DicomStoreMeta share, so that the limits and hashes are applied in one
 * place.
 */
interface StateColumns {
  readonly study_uid_hash: string;
  readonly series_uid_hash: string;
  readonly study_date: string | null;
  readonly accession_number: string | null;
}

function storedHeader({ header }: FileHeader): StoredHeader {
  const identity = readIdentity(header, NO_MESSAGE);
  const { patientId, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = identity;
  const columns = JSON.parse(stateMetaJson(header, identity, '', '')) as StateColumns;
  // A DicomStoreMeta must have a date, and there is no message to take it from.
  if (columns.study_date === null) throw new DicomReadError('missing_required', 'STUDY_DATE');
  return {
    patientId,
    studyInstanceUid,
    seriesInstanceUid,
    sopInstanceUid,
    studyUidHash: columns.study_uid_hash,
    seriesUidHash: columns.series_uid_hash,
    transferSyntaxUid: header.transferSyntaxUid,
    // Only multi-frame objects have NumberOfFrames (PS3.3 C.7.6.6). Values below 1 are invalid.
    numberOfFrames: Math.max(1, header.integer(NUMBER_OF_FRAMES) ?? 1),
    accessionNumber: columns.accession_number,
    studyDate: columns.study_date,
  };
}
