import { map, type OperatorFunction } from 'rxjs';
import type { z } from 'zod';
import { ParseError } from '../errors.ts';
import { DICOM_STORE_META_FIELDS, dicomStoreMetaSchema, NEED_TRANSFER } from '../records/dicom-store-meta.ts';
import { plainFile, storedFile } from '../records/object-row.ts';
import { readPlainStoreMeta } from '../records/plain-store-meta.ts';
import type { ConsumedRecord, ParsedRecord, StoredFile } from '../records/records.ts';

/** Listeners that count accepted records. */
export interface ParseEvents {
  /** The record has this many fields that the schema doesn't know. */
  unknownFields?(count: number): void;
  /** The record's transfer_status is NeedTransfer (docs/contract.md, "Input record"). */
  needsTransfer?(): void;
}

/** Parses consumed records into stored files. A value that isn't a DicomStoreMeta becomes a poison record. */
export function parseRecords(events: ParseEvents = {}): OperatorFunction<ConsumedRecord, ParsedRecord> {
  return map((record) => parseRecord(record, events));
}

// Fatal, because replacing invalid bytes with U+FFFD would change an identifier.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const KNOWN = DICOM_STORE_META_FIELDS.length;

/** Parses one record. */
export function parseRecord(source: ConsumedRecord, events: ParseEvents = {}): ParsedRecord {
  return parsePlain(source, events) ?? parseAny(source, events);
}

/** Fast path for compact ASCII records. Returns undefined for every other value; only `parseAny` reports errors. */
function parsePlain(source: ConsumedRecord, events: ParseEvents): StoredFile | undefined {
  const { value } = source;
  const meta = value === null ? undefined : readPlainStoreMeta(value);
  if (meta === undefined || value === null) return undefined;
  if (meta.needsTransfer) events.needsTransfer?.();
  return plainFile(source, meta, value);
}

function parseAny(source: ConsumedRecord, events: ParseEvents): ParsedRecord {
  try {
    const parsed = dicomStoreMetaSchema.safeParse(parseJson(source.value));
    if (!parsed.success) return { kind: 'poison', source, error: fieldErrors(parsed.error) };
    const meta = parsed.data;
    const unknown = countUnknown(meta);
    if (unknown > 0) events.unknownFields?.(unknown);
    if (meta.transfer_status === NEED_TRANSFER) events.needsTransfer?.();
    return storedFile(source, meta);
  } catch (error) {
    if (error instanceof ParseError) return { kind: 'poison', source, error };
    throw error;
  }
}

function parseJson(value: Buffer | null): unknown {
  if (value === null) throw new ParseError('null_value', 'null value');
  let text: string;
  try {
    text = utf8.decode(value);
  } catch {
    throw new ParseError('not_utf8', 'value is not UTF-8');
  }
  if (value.length > MAX_VALUES && countValues(value) > MAX_VALUES)
    throw new ParseError('too_many_values', `value holds more than ${MAX_VALUES} JSON values`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The message of JSON.parse quotes the text, which may contain a patient's name.
    throw new ParseError('not_json', 'value is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new ParseError('not_an_object', 'value is not a JSON object');
  }
  return parsed;
}

/**
 * Maximum number of JSON values. The cost of JSON.parse depends on values, not bytes: 10 MB in one string take
 * milliseconds, 10 MB of tiny fields or brackets more than a second, which blocks the event loop. A DicomStoreMeta has 20
 * values.
 */
const MAX_VALUES = 20_000;

/** Counts commas, brackets and braces outside of strings: an upper bound on the number of nested values. */
function countValues(json: Buffer): number {
  let count = 0;
  let inText = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (inText) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === COMMA || byte === BRACKET || byte === BRACE) count++;
  }
  return count;
}

const [QUOTE, BACKSLASH, COMMA, BRACKET, BRACE] = Buffer.from('"\\,[{');

function countUnknown(meta: object): number {
  const count = Object.keys(meta).length - KNOWN;
  // accession_number is optional.
  return 'accession_number' in meta ? count : count + 1;
}

/** Names every invalid field and what was expected of it. The schema's messages contain no values. */
function fieldErrors(error: z.ZodError): ParseError {
  const texts = new Map<string, string>();
  for (const issue of error.issues) {
    const field = String(issue.path[0] ?? '');
    if (!texts.has(field)) texts.set(field, issue.message);
  }
  const message = [...texts].map(([field, text]) => `${field}: ${text}`).join('; ');
  return new ParseError('invalid_field', message, [...texts.keys()]);
}
