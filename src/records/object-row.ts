import { DICOM_STORE_META_FIELDS, type DicomStoreMeta } from './dicom-store-meta.ts';
import type { ConsumedRecord, Row, StoredFile, Version } from './records.ts';

/** What the graph keeps of a record's fields. `written` is the record's own text, where that is ASCII without escapes. */
export function storedFile(source: ConsumedRecord, meta: DicomStoreMeta, written?: string): StoredFile {
  const version = versionOf(meta);
  return {
    kind: 'file',
    source,
    tenantId: meta.tenant_id,
    path: meta.file_path,
    size: meta.file_size,
    version,
    object: objectRow(meta, version, written),
  };
}

/** The version of what a message says (contract, "which record wins"): its created_time with six fraction digits, and its trace_id. */
export function versionOf(meta: DicomStoreMeta): Version {
  return { time: withMicroseconds(meta.created_time), traceId: meta.trace_id };
}

/** Six fraction digits: what the tables hold. Nanoseconds are cut, not rounded, so that text order stays time order. */
function withMicroseconds(time: string): string {
  const point = time.indexOf('.');
  return point < 0 ? `${time}.000000` : time.slice(0, point + 7).padEnd(point + 7, '0');
}

/**
 * The row of `dicom_object_meta`. Serialised anew from the checked fields unless the record's text is just what that would give: unknown
 * fields may nest deeper than the database's JSON reader goes, `1e3` is a whole number to JSON but not to SQL, and of two fields of one
 * name not every reader takes the same.
 */
function objectRow(meta: DicomStoreMeta, version: Version, written?: string): Row {
  return {
    identity: meta.trace_id,
    version,
    json: written !== undefined && isRow(written, meta) ? written : JSON.stringify(knownFields(meta, version.time)),
  };
}

// Copied field by field: a list of names as JSON.stringify's second argument costs half as much again.
function knownFields(meta: DicomStoreMeta, createdTime: string): Record<string, unknown> {
  const known: Record<string, unknown> = {};
  for (const field of DICOM_STORE_META_FIELDS) known[field] = field === 'created_time' ? createdTime : meta[field];
  return known;
}

/** `YYYY-MM-DDTHH:MM:SS.ffffff`: with more digits the database would round. */
const MICROSECONDS = 26;
/** All fields' names with their quotes and colons, the commas between them, the braces. */
const AROUND_VALUES = DICOM_STORE_META_FIELDS.reduce((sum, { length }) => sum + length + 4, 1);

/**
 * Whether `text`, of which JSON.parse made `meta`, is its compact form, in whatever order. The values that count take as many characters
 * as their compact form, numbers included; so a text of that length has room for nothing else, no field twice and no space.
 */
function isRow(text: string, meta: DicomStoreMeta): boolean {
  let length = AROUND_VALUES;
  for (const field of DICOM_STORE_META_FIELDS) {
    const value = meta[field];
    length += typeof value === 'string' ? value.length + 2 : String(value).length;
  }
  return (
    length === text.length &&
    meta.created_time.length <= MICROSECONDS &&
    writesNumber(text, '"file_size"', meta.file_size) &&
    writesNumber(text, '"number_of_frames"', meta.number_of_frames)
  );
}

/** Whether the field that counts, the last of its name, is written with digits alone. */
function writesNumber(text: string, name: string, value: number): boolean {
  const written = `:${value}`;
  const at = text.lastIndexOf(name) + name.length;
  if (!text.startsWith(written, at)) return false;
  const next = text[at + written.length];
  return next === ',' || next === '}';
}

/** Whether `a` wins over `b`. Text is compared by code points, as the tables' "C" collation does. */
export function isNewer(a: Version, b: Version): boolean {
  if (a.time !== b.time) return a.time > b.time;
  return Buffer.compare(Buffer.from(a.traceId), Buffer.from(b.traceId)) > 0;
}
