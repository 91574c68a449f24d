import { DICOM_STORE_META_FIELDS, type DicomStoreMeta } from './dicom-store-meta.ts';
import type { PlainStoreMeta } from './plain-store-meta.ts';
import type { ConsumedRecord, StoredFile, Version } from './records.ts';

/** What the graph keeps of a record's fields. */
export function storedFile(source: ConsumedRecord, meta: DicomStoreMeta): StoredFile {
  const version = versionOf(meta);
  return {
    kind: 'file',
    source,
    tenantId: meta.tenant_id,
    path: meta.file_path,
    size: meta.file_size,
    version,
    object: { identity: meta.trace_id, version, json: objectJson(meta, version) },
  };
}

/** The same of a record that is plain: `json`, its value, is the row as it came. */
export function plainFile(source: ConsumedRecord, meta: PlainStoreMeta, json: Buffer): StoredFile {
  const { traceId, tenantId, filePath, fileSize, createdTime } = meta;
  const version = { time: withMicroseconds(createdTime), traceId };
  return {
    kind: 'file',
    source,
    tenantId,
    path: filePath,
    size: fileSize,
    version,
    object: { identity: traceId, version, json },
  };
}

/** The version of what a message says (contract, "which record wins"): its created_time with six fraction digits, and its trace_id. */
export function versionOf(meta: DicomStoreMeta): Version {
  return { time: withMicroseconds(meta.created_time), traceId: meta.trace_id };
}

/** Six fraction digits: what the tables hold. Nanoseconds are cut, not rounded, so that text order stays time order. */
function withMicroseconds(time: string): string {
  const point = time.indexOf('.');
  if (point < 0) return `${time}.000000`;
  const length = point + 7;
  return time.length === length ? time : time.slice(0, length).padEnd(length, '0');
}

/**
 * The row of `dicom_object_meta`, serialised anew from the checked fields: unknown fields may nest deeper than the database's JSON reader
 * goes, `1e3` is a whole number to JSON but not to SQL, of two fields of one name not every reader takes the same, and nanoseconds are
 * cut where the database would round.
 */
function objectJson(meta: DicomStoreMeta, version: Version): Buffer {
  return Buffer.from(JSON.stringify(knownFields(meta, version.time)));
}

// Copied field by field: a list of names as JSON.stringify's second argument costs half as much again.
function knownFields(meta: DicomStoreMeta, createdTime: string): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  for (const field of DICOM_STORE_META_FIELDS) known[field] = field === 'created_time' ? createdTime : meta[field];
  return known;
}

/** Whether `a` wins over `b`. Text is compared by code points, as the tables' "C" collation does. */
export function isNewer(a: Version, b: Version): boolean {
  if (a.time !== b.time) return a.time > b.time;
  return a.traceId !== b.traceId && Buffer.compare(Buffer.from(a.traceId), Buffer.from(b.traceId)) > 0;
}
