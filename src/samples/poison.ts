/** Records that can't be processed, each for a different reason. */
import { dirname, join } from 'node:path';
import { uuidV7 } from '../publish/uuid-v7.ts';
import type { DicomStoreMeta } from '../records/dicom-store-meta.ts';
import { buildDicomFile } from './dicom-file.ts';

/** The codes with which the service dead-letters them. */
export const POISON_KINDS = [
  'not_json',
  'invalid_field',
  'not_dicom',
  'outside_storage_roots',
  'missing_required',
  'file_missing',
  'truncated',
] as const;
/** The fault of a poison record: one of POISON_KINDS. */
export type PoisonKind = (typeof POISON_KINDS)[number];

export interface PoisonedRecord {
  readonly key: string;
  readonly value: string;
  readonly file?: { readonly path: string; readonly bytes: Buffer };
  readonly expected: PoisonKind;
}

/** The n-th poison record: a good record with one fault, the kinds in turn. It shares no key with the good one. */
export function poisonRecord(n: number, good: string, store: string): PoisonedRecord {
  const expected = POISON_KINDS[n % POISON_KINDS.length] ?? 'not_json';
  const key = uuidV7();
  const meta = JSON.parse(good) as DicomStoreMeta;
  const path = join(dirname(meta.file_path), `poison-${key}.dcm`);
  const record = (fields: Partial<DicomStoreMeta>) =>
    JSON.stringify({ ...meta, trace_id: key, file_path: path, ...fields });
  const withFile = (bytes: Buffer): PoisonedRecord => ({ key, value: record({}), file: { path, bytes }, expected });
  switch (expected) {
    case 'not_json':
      return { key, value: record({}).slice(0, -20), expected };
    case 'invalid_field':
      return { key, value: JSON.stringify({ ...meta, trace_id: key, study_uid: undefined }), expected };
    case 'not_dicom':
      return withFile(Buffer.from('This file says that it is no DICOM file. '.repeat(20)));
    case 'outside_storage_roots': {
      // The file exists and is valid, but lies outside the storage roots.
      const outside = join(store, '..', 'outside', `${key}.dcm`);
      const bytes = buildDicomFile({ dataSet: { StudyInstanceUID: meta.study_uid } });
      return { key, value: record({ file_path: outside }), file: { path: outside, bytes }, expected };
    }
    case 'missing_required':
      return withFile(buildDicomFile({ dataSet: { StudyInstanceUID: meta.study_uid, StudyDate: '20240101' } }));
    case 'truncated':
      return withFile(cutWithin(meta));
    case 'file_missing':
      return { key, value: record({}), expected };
  }
}

/** A file that ends in the middle of its header. */
function cutWithin(meta: DicomStoreMeta): Buffer {
  const bytes = buildDicomFile({
    dataSet: {
      StudyDate: '20240101',
      PatientID: meta.patient_id,
      StudyInstanceUID: meta.study_uid,
      SOPInstanceUID: '1.2.3',
    },
  });
  return bytes.subarray(0, bytes.length - 6);
}
