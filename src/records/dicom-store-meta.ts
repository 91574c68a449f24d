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

const LOCAL_TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.(?:\d{3}|\d{6}|\d{9}))?$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;

function startsWithRealDate(pattern: RegExp, value: string): boolean {
  const match = pattern.exec(value);
  return match !== null && isRealDate(Number(match[1]), Number(match[2]), Number(match[3]));
}

const int64 = z.int({ error: 'expected a whole number below 2^53' });
const int32 = z.int32({ error: 'expected a whole number of 32 bits' });

export const dicomStoreMetaSchema = z.looseObject({
  trace_id: text(36).refine((value) => characters(value) === 36, { error: 'expected exactly 36 characters' }),
  worker_node_id: text(64),
  tenant_id: text(64),
  patient_id: text(64),
  study_uid: text(64),
  series_uid: text(64),
  sop_uid: text(64),
  file_size: int64,
  file_path: text(512),
  transfer_syntax_uid: text(64),
  number_of_frames: int32,
  created_time: z.string().refine((value) => startsWithRealDate(LOCAL_TIMESTAMP, value), {
    error: 'expected YYYY-MM-DDTHH:MM:SS with no, 3, 6 or 9 fraction digits and no zone',
  }),
  series_uid_hash: text(20),
  study_uid_hash: text(20),
  accession_number: text(16).nullish(),
  target_ts: text(64),
  study_date: z.string().refine((value) => startsWithRealDate(DATE, value), { error: 'expected a date, YYYY-MM-DD' }),
  transfer_status: z.enum(['NoNeedTransfer', 'Success', 'Failed', 'NeedTransfer']),
  source_ip: text(24),
  source_ae: text(64),
});

export type DicomStoreMeta = z.infer<typeof dicomStoreMetaSchema>;

/** The wire's names, in the wire's order: also the columns of `dicom_object_meta`. */
export const DICOM_STORE_META_FIELDS = Object.keys(
  dicomStoreMetaSchema.shape,
) as readonly (keyof typeof dicomStoreMetaSchema.shape)[];
