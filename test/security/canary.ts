import { hash } from 'node:crypto';
import { hashUid } from '../../src/dicom/rows/uid-hash.ts';
import type { DicomStoreMeta } from '../../src/records/dicom-store-meta.ts';
import { buildDicomFile, type ElementValue } from '../../src/samples/dicom-file.ts';

/** A made-up patient. Every value holds the word, or a number found nowhere else, so that a search through any output finds it. */
const WORD = 'CANARY';
const NUMBER = '7700770077';
const UID = `2.25.${NUMBER}`;

export const CANARY_UIDS = {
  study: `${UID}.1`,
  series: `${UID}.2`,
  sop: `${UID}.3`,
  syntax: `${UID}.4`,
  class: `${UID}.5`,
};

/** A path that names the patient in every part. */
export const CANARY_PATH = `${WORD}_TENANT/${WORD}^PATIENT/${UID}.1/${WORD}.dcm`;

/** What a receiver would say of the patient's file. `n` tells records apart; `accession_number` and all else may be replaced. */
export function canaryMeta(n: number, fields: Partial<DicomStoreMeta> = {}): DicomStoreMeta {
  return {
    trace_id: `${WORD}-TRACE-${String(n).padStart(23, '0')}`,
    worker_node_id: `${WORD}_NODE`,
    tenant_id: `${WORD}_TENANT`,
    patient_id: `${WORD}_PID`,
    study_uid: CANARY_UIDS.study,
    series_uid: CANARY_UIDS.series,
    sop_uid: `${CANARY_UIDS.sop}.${n}`,
    file_size: Number(NUMBER),
    file_path: `/${CANARY_PATH}`,
    transfer_syntax_uid: CANARY_UIDS.syntax,
    number_of_frames: 1_770_077_007,
    created_time: '1917-07-07T17:07:27.770077',
    series_uid_hash: hashUid(CANARY_UIDS.series),
    study_uid_hash: hashUid(CANARY_UIDS.study),
    accession_number: `${WORD}_ACC`,
    target_ts: `${CANARY_UIDS.syntax}.1`,
    study_date: '1917-07-17',
    transfer_status: 'NoNeedTransfer',
    source_ip: `${WORD}.77.7`,
    source_ae: `${WORD}_AE`,
    ...fields,
  };
}

/** The patient's data set: every attribute that the records hold and that can hold the word, a date of 1917 or the number. */
export const CANARY_DATA_SET: Readonly<Record<string, ElementValue>> = {
  ImageType: [WORD, `${WORD}_TYPE`],
  SOPClassUID: CANARY_UIDS.class,
  SOPInstanceUID: CANARY_UIDS.sop,
  StudyDate: '19170717',
  SeriesDate: '19170718',
  ContentDate: '19170719',
  StudyTime: '170727.770',
  AccessionNumber: `${WORD}_ACC`,
  Modality: `${WORD}_MOD`,
  StudyDescription: `${WORD} study description`,
  SeriesDescription: `${WORD} series description`,
  PatientName: `${WORD}^PATIENT^NAME`,
  PatientID: `${WORD}_PID`,
  PatientBirthDate: '19170707',
  PatientAge: `${WORD}Y`,
  PatientSize: `1.${NUMBER}`,
  PatientWeight: `77.${NUMBER}`,
  BodyPartExamined: `${WORD}_BODY`,
  ProtocolName: `${WORD} protocol`,
  StudyInstanceUID: CANARY_UIDS.study,
  SeriesInstanceUID: CANARY_UIDS.series,
  StudyID: `${WORD}_STUDY`,
  ImagePositionPatient: [`1.${NUMBER}`, '0', '0'],
  PhotometricInterpretation: `${WORD}_PI`,
  WindowCenter: `7.${NUMBER}`,
  RescaleType: `${WORD}_RT`,
  OtherPatientIDs: `${WORD}_OTHER`,
  PatientComments: `${WORD} comments`,
  InstitutionName: `${WORD} hospital`,
  ReferringPhysicianName: `${WORD}^DOCTOR`,
};

/** The patient's file; `n` as in `canaryMeta`. A value of `null` leaves an attribute out. */
export function canaryFile(n: number, changes: Readonly<Record<string, ElementValue | null>> = {}): Buffer {
  const all = { ...CANARY_DATA_SET, SOPInstanceUID: `${CANARY_UIDS.sop}.${n}`, ...changes };
  const present = Object.entries(all).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]));
  return buildDicomFile({ dataSet: Object.fromEntries(present) });
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const seriesKey = `${WORD}_TENANT_${WORD}_PID_${CANARY_UIDS.study}_${CANARY_UIDS.series}`;

/** All the forms in which a value of the patient could show: as it is, in hex, in base64 at any of its three alignments, hashed. */
const SIGNS: readonly string[] = [
  WORD,
  NUMBER,
  '1770077007',
  '1917-07',
  // Whole dates and times: six digits of them alone are found in any long list of figures, once in hundreds of runs.
  '19170707',
  '19170717',
  '19170718',
  '19170719',
  '07:27.770077',
  Buffer.from(WORD).toString('hex'),
  [...Buffer.from(WORD)].map((byte) => byte.toString(16)).join(' '),
  base64(WORD).slice(0, 7),
  base64(`-${WORD}`).slice(2, 9),
  base64(`--${WORD}`).slice(3, 10),
  hashUid(CANARY_UIDS.study),
  hashUid(CANARY_UIDS.series),
  hash('md5', seriesKey),
];

/** Every place in `text` that shows the patient, with the text around it. Empty when there is none. */
export function findCanaries(text: string): readonly string[] {
  const searched = text.toLowerCase();
  return SIGNS.flatMap((sign) => {
    const found: string[] = [];
    for (let at = searched.indexOf(sign.toLowerCase()); at >= 0; at = searched.indexOf(sign.toLowerCase(), at + 1)) {
      found.push(`${sign}: …${text.slice(Math.max(0, at - 60), at + 60)}…`);
      if (found.length === 5) break;
    }
    return found;
  });
}
