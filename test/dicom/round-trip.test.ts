import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildDicomFile, type DataSet, type ElementValue, TRANSFER_SYNTAX } from '../../src/samples/dicom-file.ts';
import { MemoryReader } from '../../src/testing/dicom-memory.ts';
import { REQUIRED } from './sample.ts';

const SYNTAXES = Object.values(TRANSFER_SYNTAX);

/** Texts of one repertoire each, without what the reader trims or a delimiter would split. */
const REPERTOIRES = [
  { characterSet: [], characters: 'AZaz09 .,-' },
  { characterSet: ['ISO_IR 100'], characters: 'Aaé üñ' },
  { characterSet: ['ISO_IR 144'], characters: 'A ЛюкАнна' },
  { characterSet: ['ISO_IR 192'], characters: 'A 王小东홍길동😀é' },
  { characterSet: ['GB18030'], characters: 'A 王小东乗誠' },
  { characterSet: ['', 'ISO 2022 IR 87'], characters: 'A 山田太郎〜' },
  { characterSet: ['ISO 2022 IR 13', 'ISO 2022 IR 87'], characters: 'Aﾔﾏﾀ 山田' },
  { characterSet: ['', 'ISO 2022 IR 149'], characters: 'A 홍길동똠' },
  { characterSet: ['', 'ISO 2022 IR 58'], characters: 'A 王小东' },
  { characterSet: ['ISO 2022 IR 100', 'ISO 2022 IR 144', 'ISO 2022 IR 126'], characters: 'A éüЛюΔι' },
];

const textWithSet = fc.constantFrom(...REPERTOIRES).chain(({ characterSet, characters }) =>
  fc.record({
    characterSet: fc.constant(characterSet),
    name: fc.string({ unit: fc.constantFrom(...characters, '^', '='), maxLength: 60 }),
    descriptions: fc.array(fc.string({ unit: fc.constantFrom(...characters), maxLength: 15 }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
);

/** Elements that the reader must step over: private ones, sequences of any depth, wanted tags inside them. */
const privateValue: fc.Arbitrary<ElementValue> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((value) => ({ vr: 'OB', value })),
  fc.uint8Array({ maxLength: 40 }).map((value) => ({ vr: 'UN', value })),
  fc
    .string({ unit: 'grapheme-ascii', maxLength: 30 })
    .map((value) => ({ vr: 'LO', value: value.replaceAll('\\', '') })),
  fc.integer({ min: 0, max: 65535 }).map((value) => ({ vr: 'US', value })),
  fc.double({ noNaN: true }).map((value) => ({ vr: 'FD', value })),
);

const { dataSet: noise } = fc.letrec<{ dataSet: DataSet; value: ElementValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    privateValue,
    fc
      .record({ items: fc.array(tie('dataSet'), { maxLength: 3 }), undefinedLength: fc.boolean() })
      .map((value) => ({ vr: 'SQ', value })),
  ),
  dataSet: fc.dictionary(
    fc.constantFrom(
      '(0009,0010)',
      '(0009,1001)',
      '(0009,1002)',
      '(0011,1001)',
      '(0019,1001)',
      '(0021,1003)',
      'PatientID',
      'Rows',
    ),
    tie('value'),
    { maxKeys: 4 },
  ),
}));

const windows = fc.record({ first: fc.integer({ min: 132, max: 9000 }), next: fc.integer({ min: 1, max: 9000 }) });

describe('whatever is written is read back', () => {
  it('in every transfer syntax, among any other elements, through any windows', () => {
    fc.assert(
      fc.property(
        fc.record({
          transferSyntaxUid: fc.constantFrom(...SYNTAXES),
          text: textWithSet,
          noise,
          rows: fc.integer({ min: 0, max: 65535 }),
          series: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
          thickness: fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }),
          windows,
        }),
        ({ transferSyntaxUid, text, noise: others, rows, series, thickness, windows: sizes }) => {
          const { PatientID: _, Rows: __, ...around } = others as Record<string, ElementValue>;
          const file = buildDicomFile({
            transferSyntaxUid,
            characterSet: text.characterSet,
            dataSet: {
              ...around,
              ...REQUIRED,
              PatientName: text.name,
              StudyDescription: text.descriptions,
              Rows: rows,
              SeriesNumber: String(series),
              SliceThickness: String(thickness),
            },
            pixelData: Buffer.alloc(20),
          });
          const { error, state, image } = new MemoryReader(sizes).read(file);
          expect(error).toBeUndefined();
          expect(JSON.parse(state)).toMatchObject({
            patient_id: 'PID-1',
            patient_name: text.name.replace(/ +$/, ''),
            study_description: text.descriptions.map((each) => each.replace(/^ +| +$/g, '')).join('\\'),
            series_number: series,
          });
          expect(JSON.parse(image)).toMatchObject({
            width: rows,
            slice_thickness: thickness + 0,
            transfer_syntax_uid: transferSyntaxUid,
            space_size: file.length,
          });
        },
      ),
      { numRuns: 400 },
    );
  }, 60_000);

  it('and a beginning of it is an error or a record, never anything else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SYNTAXES),
        noise,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (transferSyntaxUid, around, part) => {
          const file = buildDicomFile({ transferSyntaxUid, dataSet: { ...around, ...REQUIRED } });
          const { error } = new MemoryReader().read(file.subarray(0, Math.floor(file.length * part)));
          expect(error?.code ?? 'ok').toMatch(/^(ok|not_dicom|truncated|missing_required|bad_deflate)$/);
        },
      ),
      { numRuns: 300 },
    );
  });
});
