/** DicomStateMeta: the record of a series (docs/contract.md, "Output records"), as JSON in this order. */

import type { DicomHeader } from './header.ts';
import type { HeaderIdentity } from './identity.ts';
import { date, decimal, fieldsJson, integer, text, time } from './json-field.ts';
import { sharedFields } from './shared-fields.ts';

const BEFORE_STUDY_DATE = [
  text('patient_name', 'PatientName', 64),
  text('patient_sex', 'PatientSex', 1),
  date('patient_birth_date', 'PatientBirthDate'),
  time('patient_birth_time', 'PatientBirthTime'),
  text('patient_age', 'PatientAge', 16),
  decimal('patient_size', 'PatientSize'),
  decimal('patient_weight', 'PatientWeight'),
];

const AFTER_STUDY_DATE = [
  time('study_time', 'StudyTime'),
  text('accession_number', 'AccessionNumber', 16),
  text('study_id', 'StudyID', 16),
  text('study_description', 'StudyDescription', 64),
  text('modality', 'Modality', 16),
  integer('series_number', 'SeriesNumber'),
  date('series_date', 'SeriesDate'),
  time('series_time', 'SeriesTime'),
  text('series_description', 'SeriesDescription', 256),
  text('body_part_examined', 'BodyPartExamined', 64),
  text('protocol_name', 'ProtocolName', 64),
  integer('series_related_instances', 'NumberOfSeriesRelatedInstances'),
];

/** One JSON object; `ending` holds its last fields, each after a comma: timestamps and version, or nothing. */
export function stateMetaJson(header: DicomHeader, identity: HeaderIdentity, tenantId: string, ending: string): string {
  const { keys, hashes } = sharedFields(identity, tenantId);
  const { studyDate } = identity;
  return (
    `${keys}${hashes},"study_date_origin":"${studyDate}"${fieldsJson(BEFORE_STUDY_DATE, header)}` +
    `,"study_date":${dateJson(studyDate)}${fieldsJson(AFTER_STUDY_DATE, header)}${ending}}`
  );
}

/** A date of eight digits, or null where there is none. */
function dateJson(digits: string): string {
  return digits === '' ? 'null' : `"${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}"`;
}
