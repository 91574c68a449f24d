/** Grouped batches for tests of sinks, made without files, as groupDicomState emits them. */
import type { DicomStoreMeta } from '../records/dicom-store-meta.ts';
import { storedFile, versionOf } from '../records/object-row.ts';
import type { GroupedBatch, GroupedRecord, PublishedRow, StoredFile } from '../records/records.ts';
import { compareVersions } from '../records/version.ts';
import { consumedRecord } from './consumed-record.ts';
import { SAMPLE_IMAGE, SAMPLE_STATE } from './sample-header.ts';
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
  const ids = { tenant_id, patient_id, study_uid, series_uid };
  const hashes = { study_uid_hash, series_uid_hash };
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
    state: row([tenant_id, study_uid, series_uid], { ...ids, ...hashes, ...SAMPLE_STATE, ...times, ...state }),
    image: row([tenant_id, study_uid, series_uid, sop_uid], {
      ...ids,
      sop_uid,
      ...hashes,
      ...SAMPLE_IMAGE,
      ...times,
      ...image,
    }),
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
