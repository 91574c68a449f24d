import { DICOM_STORE_META_FIELDS, type DicomStoreMeta } from './dicom-store-meta.ts';
import type { PlainStoreMeta } from './plain-store-meta.ts';
import type { ConsumedRecord, StoredFile } from './records.ts';
import type { Version } from './version.ts';

/** The stored file of a valid message: the fields that later stages need, and its row of `dicom_object_meta`. */
export function storedFile(source: ConsumedRecord, meta: DicomStoreMeta): StoredFile {
  const version = versionOf(meta);
  return {
    kind: 'file',
    source,
    tenantId: meta.tenant_id,
    path: meta.file_path,
    size: meta.file_size,
    patientId: meta.patient_id,
    studyDate: meta.study_date,
    version,
    object: { identity: meta.trace_id, version, json: objectJson(meta, version) },
  };
}

/** The stored file of a plain record (plain-store-meta.ts), whose value `json` is used unchanged as the row. */
export function plainFile(source: ConsumedRecord, meta: PlainStoreMeta, json: Buffer): StoredFile {
  const { traceId, tenantId, filePath, fileSize, patientId, studyDate, createdTime } = meta;
  const version = { time: withMicroseconds(createdTime), traceId };
  return {
    kind: 'file',
    source,
    tenantId,
    path: filePath,
    size: fileSize,
    patientId,
    studyDate,
    version,
    object: { identity: traceId, version, json },
  };
}

/** The version of a message: its created_time with six fraction digits, and its trace_id. */
export function versionOf(meta: DicomStoreMeta): Version {
  return { time: withMicroseconds(meta.created_time), traceId: meta.trace_id };
}

/** Six fraction digits, like the tables. Nanoseconds are cut, not rounded, so that text order stays time order. */
function withMicroseconds(time: string): string {
  const point = time.indexOf('.');
  if (point < 0) return `${time}.000000`;
  const length = point + 7;
  return time.length === length ? time : time.slice(0, length).padEnd(length, '0');
}

/**
 * The row of `dicom_object_meta`. It is serialised from the validated fields, because a copy of the message could differ in the table:
 * it may contain unknown fields, whole numbers like `1e3` that SQL rejects, duplicate fields that parsers resolve differently, and
 * nanoseconds that PostgreSQL would round.
 */
function objectJson(meta: DicomStoreMeta, version: Version): Buffer {
  return Buffer.from(JSON.stringify(knownFields(meta, version.time)));
}

// Copied field by field: passing the names as JSON.stringify's replacer costs 50 % more.
function knownFields(meta: DicomStoreMeta, createdTime: string): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  for (const field of DICOM_STORE_META_FIELDS) known[field] = field === 'created_time' ? createdTime : meta[field];
  return known;
}
