import { describe, expect, it } from 'vitest';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { MemoryReader } from '../../src/testing/dicom-memory.ts';
import { read } from './read-both-ways.ts';
import { REQUIRED, SAMPLE } from './sample.ts';

describe('identity', () => {
  const KEYWORDS = [
    ['PatientID', 'PATIENT_ID'],
    ['StudyInstanceUID', 'STUDY_INSTANCE_UID'],
    ['SeriesInstanceUID', 'SERIES_INSTANCE_UID'],
    ['SOPInstanceUID', 'SOP_INSTANCE_UID'],
    ['SOPClassUID', 'SOP_CLASS_UID'],
  ] as const;
  const twice = (keyword: string, ...values: string[]) =>
    read(
      buildDicomFile({
        dataSet: [
          ...Object.entries(SAMPLE).filter(([key]) => key !== keyword),
          ...values.map((value) => [keyword, { vr: 'LO', value: Buffer.from(value, 'latin1') }] as const),
        ],
      }),
    );

  for (const [keyword, name] of KEYWORDS) {
    it(`is conflicting where ${keyword} has two values, not where they differ in padding or one is empty`, () => {
      expect(twice(keyword, '1.2.3', '1.2.4')).toEqual({ error: `conflicting:${name}` });
      expect(twice(keyword, '1.2.3', '1.2.3', '1.2.4')).toEqual({ error: `conflicting:${name}` });
      expect(twice(keyword, '1.2.3', 'x'.repeat(65))).toEqual({ error: `conflicting:${name}` });
      expect(twice(keyword, '1.2.3', '1.2.3 ', ' 1.2.3\0', '\x001.2.3\0x')).not.toHaveProperty('error');
      expect(Object.values(twice(keyword, '1.2.3', '  '))).toContain('1.2.3');
      expect(Object.values(twice(keyword, '', '1.2.3'))).toContain('1.2.3');
      expect(twice(keyword, ...Array.from({ length: 40 }, (_, n) => `1.2.${n}`))).toEqual({
        error: `conflicting:${name}`,
      });
    });
  }

  it('compares texts, not bytes', () => {
    const set = ['SpecificCharacterSet', { vr: 'CS', value: Buffer.from('ISO 2022 IR 100\\ISO 2022 IR 144') }] as const;
    const dataSet = [
      set,
      ...Object.entries(SAMPLE),
      ['PatientID', { vr: 'LO', value: Buffer.from('\x1b-APID-1', 'latin1') }],
    ] as const;
    expect(read(buildDicomFile({ dataSet }))).toMatchObject({ patient_id: 'PID-1' });
  });

  it('takes PatientID and StudyDate from the message where the file has none', () => {
    const message = { patientId: 'MÜLLER "1"', studyDate: '2019-12-31' };
    const reader = new MemoryReader();
    const records = (dataSet: Record<string, string>, from: typeof message | null) => {
      const { error, state, image } = reader.read(buildDicomFile({ dataSet: { ...SAMPLE, ...dataSet } }), 't', from);
      return error?.message ?? { ...JSON.parse(state), image_patient: JSON.parse(image).patient_id };
    };
    for (const empty of ['', '  ', '\0\0']) {
      expect(records({ PatientID: empty }, message)).toMatchObject({
        patient_id: message.patientId,
        image_patient: message.patientId,
      });
      expect(records({ PatientID: empty }, null)).toBe('empty_required:PATIENT_ID');
    }
    for (const date of ['***', '2024', '202402', '20240230', '2024022', '20240101-']) {
      expect(records({ StudyDate: date }, message)).toMatchObject({
        study_date: '2019-12-31',
        study_date_origin: '20191231',
      });
      expect(records({ StudyDate: date }, null)).toBe('invalid_date:STUDY_DATE');
    }
    expect(records({ StudyDate: '' }, null)).toBe('empty_required:STUDY_DATE');
    expect(records({ PatientID: '***' }, message)).toMatchObject({ patient_id: '***' });
    expect(records({ PatientID: 'x'.repeat(65) }, message)).toBe('too_long:PATIENT_ID');
    expect(records({ StudyDate: '2024.02.29' }, null)).toMatchObject({
      study_date: '2024-02-29',
      study_date_origin: '20240229',
    });
  });

  it('is empty where neither file nor message has it', () => {
    const { PatientID: _, StudyDate: __, ...rest } = REQUIRED;
    const record = read(buildDicomFile({ dataSet: rest }));
    expect(record).toMatchObject({ patient_id: '', study_date: null, study_date_origin: '' });
  });
});
