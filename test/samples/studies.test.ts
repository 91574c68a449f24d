import { describe, expect, it } from 'vitest';
import { dicomStoreMetaSchema } from '../../src/records/dicom-store-meta.ts';
import { POISON_KINDS } from '../../src/samples/poison.ts';
import { type GeneratedRecord, type GeneratedStudy, generateStudies } from '../../src/samples/studies.ts';
import { MemoryReader } from '../../src/testing/dicom-memory.ts';

const OPTIONS = { seed: 7, store: '/store', tenantId: 'demo', origin: 'TEST' };

function take(count: number, options = OPTIONS): GeneratedStudy[] {
  const studies = generateStudies(options);
  return Array.from({ length: count }, () => studies.next().value);
}

const records = (studies: readonly GeneratedStudy[]): readonly GeneratedRecord[] =>
  studies.flatMap((study) => study.records);
const stored = (studies: readonly GeneratedStudy[]) => records(studies).filter(({ expected }) => expected === 'stored');

describe('generated studies', () => {
  it('are the same files for the same seed, and different ones for another', () => {
    const bytes = (seed: number) =>
      stored(take(12, { ...OPTIONS, seed })).map(({ file }) => `${file?.path}:${file?.bytes.toString('base64')}`);
    expect(bytes(7)).toEqual(bytes(7));
    expect(bytes(7)).not.toEqual(bytes(8));
  });

  it('have records that the service accepts, with the path and size of their file', () => {
    for (const { key, value, file } of stored(take(20))) {
      const meta = dicomStoreMetaSchema.parse(JSON.parse(value));
      expect(meta.trace_id).toBe(key);
      expect(meta.file_path).toBe(file?.path);
      expect(meta.file_size).toBe(file?.bytes.length);
      expect(meta.file_path.startsWith('/store/demo/')).toBe(true);
      expect(file?.bytes.toString('latin1', 128, 132)).toBe('DICM');
    }
  });

  it('count their series and instances as their records do', () => {
    for (const study of take(20)) {
      const metas = stored([study]).map(({ value }) => JSON.parse(value));
      expect(new Set(metas.map((meta) => meta.study_uid))).toEqual(new Set([study.studyInstanceUid]));
      expect(new Set(metas.map((meta) => meta.series_uid)).size).toBe(study.series);
      expect(new Set(metas.map((meta) => meta.sop_uid)).size).toBe(study.instances);
    }
  });

  it('have many transfer syntaxes', () => {
    const syntaxes = stored(take(60)).map(({ value }) => JSON.parse(value).transfer_syntax_uid);
    expect(new Set(syntaxes).size).toBeGreaterThanOrEqual(6);
  });

  it('have the size and the form that is asked for', () => {
    const shape = {
      series: 6,
      instances: 3,
      modality: 'MR',
      transferSyntaxUid: '1.2.840.10008.1.2',
      characterSet: 'GB18030',
      side: 32,
    };
    const all = take(4, Object.assign({ shape }, OPTIONS));
    const reader = new MemoryReader();
    for (const study of all) {
      expect([study.series, study.instances]).toEqual([6, 18]);
      for (const { file, value } of stored([study])) {
        const { error, state, image } = reader.read(file?.bytes ?? Buffer.alloc(0));
        expect(error).toBeUndefined();
        expect(JSON.parse(state)).toMatchObject({ modality: 'MR', patient_name: 'Shili^Huanzhe=示例^患者' });
        expect(JSON.parse(image)).toMatchObject({ width: 32, columns: 32 });
        expect(JSON.parse(value).transfer_syntax_uid).toBe('1.2.840.10008.1.2');
      }
    }
  });

  it('keep what the shape leaves out different from study to study', () => {
    const sizes = take(20, Object.assign({ shape: { modality: 'CT' } }, OPTIONS)).map(({ instances }) => instances);
    expect(new Set(sizes).size).toBeGreaterThan(3);
  });

  it('refuse a modality that the catalog lacks, by its name', () => {
    expect(() => take(1, Object.assign({ shape: { modality: 'XX' } }, OPTIONS))).toThrow("modality 'XX'");
  });

  it('include a broken record of every kind and repeated records', () => {
    const kinds = records(take(8 * POISON_KINDS.length)).map(({ expected }) => expected);
    for (const kind of [...POISON_KINDS, 'repeated']) expect(kinds).toContain(kind);
    const none = records(take(40, Object.assign({ poisonEvery: 0, repeatEvery: 0 }, OPTIONS)));
    expect(new Set(none.map(({ expected }) => expected))).toEqual(new Set(['stored']));
  });

  it('repeat a record byte for byte', () => {
    const all = records(take(30));
    for (const { key, value } of all.filter(({ expected }) => expected === 'repeated')) {
      expect(all.filter((other) => other.key === key && other.value === value)).toHaveLength(2);
    }
  });
});
