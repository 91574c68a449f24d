/** Grouped batches for tests of sinks, made without files, as groupDicomState emits them. */
import type { DicomStoreMeta } from '../records/dicom-store-meta.ts';
import { storedFile, versionOf } from '../records/object-row.ts';
import type { GroupedBatch, GroupedRecord, PublishedRow, StoredFile } from '../records/records.ts';
import { compareVersions } from '../records/version.ts';
import { consumedRecord } from './consumed-record.ts';
import { storeMeta } from './store-meta.ts';

/** One stored file: the message's fields, and what its header says beyond them. */
export interface FileFacts extends Partial<DicomStoreMeta> {
  /** More fields of the state row, by the wire's names. */
  readonly state?: Readonly<Record<string, unknown>>;
  /** More fields of the image row. */
  readonly image?: Readonly<Record<string, unknown>>;
}

/** Groups `files` by docs/contract.md, "Which record wins": only the winner of a series or image carries that row. */
export function batchOf(files: readonly FileFacts[]): GroupedBatch {
  const records = files.map(recordOf);
  const grouped = records.map((record) => ({
    ...record,
    state: winsOver(records, record, 'state') ? record.state : null,
    image: winsOver(records, record, 'image') ? record.image : null,
  }));
  return {
    origins: grouped.map(({ file }) => file.source.origin),
    grouped,
    withAllRows: async () => records,
    poison: [],
    closedAt: 0,
  };
}

/** One record with both its rows, as if it were alone in its batch. */
export function recordOf(facts: FileFacts): GroupedRecord {
  const { state, image, ...fields } = facts;
  const meta = storeMeta(fields);
  const version = versionOf(meta);
  const row = (identity: readonly string[], columns: Readonly<Record<string, unknown>>): PublishedRow => ({
    identity: identity.join('\0'),
    version,
    key: identity.join('_'),
    json: Buffer.from(JSON.stringify(columns)),
  });
  const { tenant_id, patient_id, study_uid, series_uid, sop_uid, study_uid_hash, series_uid_hash } = meta;
  const shared = { tenant_id, patient_id, study_uid, series_uid, study_uid_hash, series_uid_hash };
  const times = {
    created_time: version.time,
    updated_time: version.time,
    source_time: version.time,
    source_trace_id: version.traceId,
  };
  const file = fileOf(meta);
  return {
    file,
    object: file.object,
    state: row([tenant_id, study_uid, series_uid], { ...shared, ...STATE, ...times, ...state }),
    image: row([tenant_id, study_uid, series_uid, sop_uid], { ...shared, sop_uid, ...IMAGE, ...times, ...image }),
  };
}

function winsOver(all: readonly GroupedRecord[], record: GroupedRecord, table: 'state' | 'image'): boolean {
  const own = record[table];
  return all.every(({ [table]: other }) => {
    if (own === null || other === null || other === own || other.identity !== own.identity) return true;
    return compareVersions(other.version, own.version) <= 0;
  });
}

function fileOf(meta: DicomStoreMeta): StoredFile {
  const value = Buffer.from(JSON.stringify(meta));
  return storedFile(consumedRecord(value), meta);
}

const STATE = {
  study_date_origin: '20231215',
  patient_name: 'DOE^JANE',
  patient_sex: 'F',
  patient_birth_date: '1970-02-28',
  patient_birth_time: null,
  patient_age: '053Y',
  patient_size: 1.75,
  patient_weight: 70.5,
  study_date: '2023-12-15',
  study_time: '10:11:12.123',
  accession_number: 'ACC1',
  study_id: '1',
  study_description: 'CHEST',
  modality: 'CT',
  series_number: 3,
  series_date: '2023-12-15',
  series_time: '10:12:00',
  series_description: 'AXIAL 1.0',
  body_part_examined: 'CHEST',
  protocol_name: '',
  series_related_instances: null,
};

const IMAGE = {
  instance_number: 1,
  content_date: '2023-12-15',
  content_time: '10:12:01.5',
  image_type: 'ORIGINAL\\PRIMARY\\AXIAL',
  image_orientation_patient: '1\\0\\0\\0\\1\\0',
  image_position_patient: '-1.5\\2\\3',
  slice_thickness: 1.25,
  spacing_between_slices: null,
  slice_location: -12.5,
  samples_per_pixel: 1,
  photometric_interpretation: 'MONOCHROME2',
  width: 512,
  columns: 512,
  bits_allocated: 16,
  bits_stored: 12,
  high_bit: 11,
  pixel_representation: 0,
  rescale_intercept: -1024,
  rescale_slope: 1,
  rescale_type: 'HU',
  window_center: '40',
  window_width: '400',
  transfer_syntax_uid: '1.2.840.10008.1.2.1',
  pixel_data_location: null,
  thumbnail_location: null,
  sop_class_uid: '1.2.840.10008.5.1.4.1.1.2',
  image_status: 'ACTIVE',
  space_size: 4096,
};
