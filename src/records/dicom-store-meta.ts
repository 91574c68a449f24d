/** DicomStoreMeta: what the receiver says of one stored file (contract, "In"). Field names are the wire's. */
import { z } from 'zod';
import { isRealDate } from './calendar.ts';

/** Text of at most `max` characters. Characters are Unicode code points, as varchar counts them. */
function text(max: number) {
  return z.string().refine((value) => isStorable(value) && (value.length <= max || characters(value) <= max), {
    error: `expected at most ${max} characters of well-formed text without NUL`,
  });
}

function characters(value: string): number {
  let count = 0;
  for (const _ of value) count++;
  return count;
}

// PostgreSQL refuses NUL, and a lone surrogate has no UTF-8 form: one such value would fail the statement of its whole batch.
function isStorable(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

const LOCAL_TIMESTAMP = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.(?:\d{3}|\d{6}|\d{9}))?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;

function startsWithRealDate(pattern: RegExp, value: string): boolean {
  return pattern.test(value) && isRealDate(digitsAt(value, 0, 4), digitsAt(value, 5, 7), digitsAt(value, 8, 10));
}

/** The number that the digits from `start` up to `end` write. Groups of a regular expression cost several times as much. */
function digitsAt(text: string, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at++) number = number * 10 + text.charCodeAt(at) - 0x30;
  return number;
}

const isTimestamp = (value: string) => startsWithRealDate(LOCAL_TIMESTAMP, value);
const isDate = (value: string) => startsWithRealDate(DATE, value);

const int64 = z.int({ error: 'expected a whole number below 2^53' });
const int32 = z.int32({ error: 'expected a whole number of 32 bits' });

/** The most characters of each text. */
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
export const ACCESSION_NUMBER_MAX = 16;
export const TRACE_ID_LENGTH = 36;
export const TRANSFER_STATUSES = ['NoNeedTransfer', 'Success', 'Failed', 'NeedTransfer'] as const;

export const dicomStoreMetaSchema = z.looseObject({
  trace_id: text(TRACE_ID_LENGTH).refine((value) => characters(value) === TRACE_ID_LENGTH, {
    error: 'expected exactly 36 characters',
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
  created_time: z.string().refine(isTimestamp, {
    error: 'expected YYYY-MM-DDTHH:MM:SS with no, 3, 6 or 9 fraction digits and no zone',
  }),
  series_uid_hash: text(TEXT_LIMITS.series_uid_hash),
  study_uid_hash: text(TEXT_LIMITS.study_uid_hash),
  accession_number: text(ACCESSION_NUMBER_MAX).nullish(),
  target_ts: text(TEXT_LIMITS.target_ts),
  study_date: z.string().refine(isDate, { error: 'expected a date, YYYY-MM-DD' }),
  transfer_status: z.enum(TRANSFER_STATUSES),
  source_ip: text(TEXT_LIMITS.source_ip),
  source_ae: text(TEXT_LIMITS.source_ae),
});

export type DicomStoreMeta = z.infer<typeof dicomStoreMetaSchema>;
export type DicomStoreMetaField = keyof typeof dicomStoreMetaSchema.shape;

/** The wire's names, in the wire's order: also the columns of `dicom_object_meta`. */
export const DICOM_STORE_META_FIELDS = Object.keys(dicomStoreMetaSchema.shape) as readonly DicomStoreMetaField[];
