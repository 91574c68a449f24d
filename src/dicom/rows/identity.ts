/** The values that identify a file's patient, study, series and instance (docs/contract.md, "Identity" and "Duplicates"). */
import { DicomReadError } from '../../errors.ts';
import { type AttributeKeyword, slotOf } from '../bytes/attributes.ts';
import { cutCharacters } from '../values/padding.ts';
import type { DicomHeader } from './header.ts';

/** The message's values, which are used when the file has no PatientID or no complete StudyDate. */
export interface MessageIdentity {
  readonly patientId: string;
  /** `YYYY-MM-DD`, or null if there is no message. */
  readonly studyDate: string | null;
}

/** For files that are read without a message. */
export const NO_MESSAGE: MessageIdentity = { patientId: '', studyDate: null };

/** The identity of a file. */
export interface HeaderIdentity {
  /** `''` if neither the file nor the message has one. */
  readonly patientId: string;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  /** Eight digits, a date that exists; `''` if neither the file nor the message has one. */
  readonly studyDate: string;
  /** Whether all texts are printable ASCII without quotes and backslashes, so that JSON escapes nothing. */
  readonly plain: boolean;
}

/**
 * Checks the attributes in order and throws a DicomReadError that names the first invalid one. `message` is null under
 * `missing_identity: dead_letter`, where PatientID and StudyDate are required as well.
 */
export function readIdentity(header: DicomHeader, message: MessageIdentity | null): HeaderIdentity {
  const patientId = message === null ? required(header, PATIENT_ID) : optional(header, PATIENT_ID);
  const studyInstanceUid = required(header, STUDY_INSTANCE_UID);
  const seriesInstanceUid = required(header, SERIES_INSTANCE_UID);
  const sopInstanceUid = required(header, SOP_INSTANCE_UID);
  const sopClassUid = required(header, SOP_CLASS_UID);
  const studyDate = header.wholeDate(STUDY_DATE.slot) ?? message?.studyDate?.replaceAll('-', '') ?? '';
  if (message === null && studyDate === '') {
    required(header, STUDY_DATE);
    throw new DicomReadError('invalid_date', STUDY_DATE.name);
  }
  return {
    patientId: patientId === '' ? (message?.patientId ?? '') : patientId,
    studyInstanceUid,
    seriesInstanceUid,
    sopInstanceUid,
    sopClassUid,
    studyDate,
    plain: patientId !== '' && !header.hasRepeatedIdentity && TEXTS.every(({ slot }) => header.isPlain(slot)),
  };
}

interface IdentityAttribute {
  readonly name: string;
  readonly slot: number;
}

const MAX_CHARACTERS = 64;

function attribute(name: string, keyword: AttributeKeyword): IdentityAttribute {
  return { name, slot: slotOf(keyword) };
}

const PATIENT_ID = attribute('PATIENT_ID', 'PatientID');
const STUDY_INSTANCE_UID = attribute('STUDY_INSTANCE_UID', 'StudyInstanceUID');
const SERIES_INSTANCE_UID = attribute('SERIES_INSTANCE_UID', 'SeriesInstanceUID');
const SOP_INSTANCE_UID = attribute('SOP_INSTANCE_UID', 'SOPInstanceUID');
const SOP_CLASS_UID = attribute('SOP_CLASS_UID', 'SOPClassUID');
const STUDY_DATE = attribute('STUDY_DATE', 'StudyDate');
const TEXTS = [PATIENT_ID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID, SOP_CLASS_UID];

function required(header: DicomHeader, { name, slot }: IdentityAttribute): string {
  const value = single(header, { name, slot });
  if (value === null) throw new DicomReadError('missing_required', name);
  if (value === '') throw new DicomReadError('empty_required', name);
  return checkLength(value, name);
}

function optional(header: DicomHeader, { name, slot }: IdentityAttribute): string {
  return checkLength(single(header, { name, slot }) ?? '', name);
}

/** The value, if all elements of this attribute agree on it; an empty one agrees with any. */
function single(header: DicomHeader, { name, slot }: IdentityAttribute): string | null {
  const last = header.text(slot);
  if (!header.isRepeated(slot)) return last;
  const values = new Set([...header.earlierTexts(slot), last ?? '']);
  values.delete('');
  if (values.size > 1 || header.hasTooManyValues) throw new DicomReadError('conflicting', name);
  const [value = ''] = values;
  return value;
}

function checkLength(value: string, name: string): string {
  if (cutCharacters(value, MAX_CHARACTERS) !== value) throw new DicomReadError('too_long', name);
  return value;
}
