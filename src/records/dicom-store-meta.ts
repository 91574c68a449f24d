/**
 * DicomStoreMeta: the receiver's message about one stored file (docs/contract.md, "Input record"). Field names are those of
 * the JSON. Error messages contain the expected form and the found type, never the value.
 */
import { z } from 'zod';
import { isRealDate } from './calendar.ts';

/** The error message for a value of the wrong type; undefined if the type is right. */
function typeFault(expected: string, right: 'string' | 'number', input: unknown): string | undefined {
  if (input === undefined) return 'missing';
  return typeof input === right ? undefined : `expected ${expected}, got ${typeName(input)}`;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function anyText() {
  return z.string({ error: ({ input }) => typeFault('a string', 'string', input) });
}

/** Text that every database can store. One value that it can't store would fail the statement for its whole batch. */
function storableText() {
  return (
    anyText()
      // PostgreSQL refuses NUL.
      .refine((value) => !value.includes('\0'), { error: 'contains NUL' })
      // UTF-8 can't encode it.
      .refine((value) => value.isWellFormed(), { error: 'contains a lone surrogate' })
  );
}

/** Text of at most `max` Unicode code points, which is how varchar counts characters. */
function text(max: number) {
  return storableText().refine((value) => value.length <= max || characters(value) <= max, {
    error: `longer than ${max} characters`,
  });
}

function characters(value: string): number {
  let count = 0;
  for (const _ of value) count++;
  return count;
}

const LOCAL_TIMESTAMP = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.(?:\d{3}|\d{6}|\d{9}))?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;

function startsWithRealDate(pattern: RegExp, value: string): boolean {
  return pattern.test(value) && isRealDate(digitsAt(value, 0, 4), digitsAt(value, 5, 7), digitsAt(value, 8, 10));
}

/**
 * The number formed by the digits from `start` up to `end`. Capture groups of a regular expression cost several times
 * as much.
 */
function digitsAt(text: string, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at++) number = number * 10 + text.charCodeAt(at) - 0x30;
  return number;
}

const isTimestamp = (value: string) => startsWithRealDate(LOCAL_TIMESTAMP, value);
const isDate = (value: string) => startsWithRealDate(DATE, value);

function wholeNumberFault(range: string, input: unknown): string {
  const wrongType = typeFault('a whole number', 'number', input);
  if (wrongType !== undefined) return wrongType;
  // JSON.parse reads 1e999 as Infinity: too large, not fractional.
  const fractional = typeof input === 'number' && Number.isFinite(input) && !Number.isInteger(input);
  return fractional ? 'expected a whole number, got a fraction' : `out of range: expected ${range}`;
}

const int64 = z.int({ error: ({ input }) => wholeNumberFault('a magnitude below 2^53', input) });
const int32 = z.int32({ error: ({ input }) => wholeNumberFault('-2^31 to 2^31 - 1', input) });

/** Maximum length of each text field, in characters. */
export const TEXT_LIMITS = {
  worker_node_id: 64,
  tenant_id: 64,
  patient_id: 64,
  study_uid: 64,
  series_uid: 64,
  sop_uid: 64,
  file_path: 512,
  transfer_syntax_uid: 64,
  series_uid_hash: 20,
  study_uid_hash: 20,
  target_ts: 64,
  source_ip: 24,
  source_ae: 64,
} as const;
/** Maximum length of accession_number, in characters. */
export const ACCESSION_NUMBER_MAX = 16;
/** Length of trace_id, in characters. */
export const TRACE_ID_LENGTH = 36;
/** The transfer_status that a metric counts. */
export const NEED_TRANSFER = 'NeedTransfer';
/** The values of transfer_status. */
export const TRANSFER_STATUSES = ['NoNeedTransfer', 'Success', 'Failed', NEED_TRANSFER] as const;

/** The schema of the message. Unknown fields are allowed. */
export const dicomStoreMetaSchema = z.looseObject({
  trace_id: storableText().refine((value) => characters(value) === TRACE_ID_LENGTH, {
    error: `expected exactly ${TRACE_ID_LENGTH} characters`,
  }),
  worker_node_id: text(TEXT_LIMITS.worker_node_id),
  tenant_id: text(TEXT_LIMITS.tenant_id),
  patient_id: text(TEXT_LIMITS.patient_id),
  study_uid: text(TEXT_LIMITS.study_uid),
  series_uid: text(TEXT_LIMITS.series_uid),
  sop_uid: text(TEXT_LIMITS.sop_uid),
  file_size: int64,
  file_path: text(TEXT_LIMITS.file_path),
  transfer_syntax_uid: text(TEXT_LIMITS.transfer_syntax_uid),
  number_of_frames: int32,
  created_time: anyText().refine(isTimestamp, {
    error: 'expected YYYY-MM-DDTHH:MM:SS with no, 3, 6 or 9 fraction digits and no zone',
  }),
  series_uid_hash: text(TEXT_LIMITS.series_uid_hash),
  study_uid_hash: text(TEXT_LIMITS.study_uid_hash),
  accession_number: text(ACCESSION_NUMBER_MAX).nullish(),
  target_ts: text(TEXT_LIMITS.target_ts),
  study_date: anyText().refine(isDate, { error: 'expected a date, YYYY-MM-DD' }),
  transfer_status: z.enum(TRANSFER_STATUSES, {
    error: ({ input }) => typeFault('a string', 'string', input) ?? `expected one of ${TRANSFER_STATUSES.join(', ')}`,
  }),
  source_ip: text(TEXT_LIMITS.source_ip),
  source_ae: text(TEXT_LIMITS.source_ae),
});

/** A valid message (docs/contract.md). */
export interface DicomStoreMeta extends z.infer<typeof dicomStoreMetaSchema> {}
/** A field of the message. */
export type DicomStoreMetaField = keyof typeof dicomStoreMetaSchema.shape;

/** The JSON's field names in the order in which the receiver writes them; also the columns of `dicom_object_meta`. */
export const DICOM_STORE_META_FIELDS = Object.keys(dicomStoreMetaSchema.shape) as readonly DicomStoreMetaField[];
