/** Nesting, lengths, transfer syntaxes and the ends of files. */
import { buildDataSet, buildDicomFile, type ElementValue, TRANSFER_SYNTAX } from '../../../src/samples/dicom-file.ts';
import { SAMPLE } from '../sample.ts';
import { type Elements, hex, latin1, lo, type OddFile, odd, set } from './build.ts';

const INNER: Elements = { PatientID: 'INNER', PatientName: 'INNER^NAME', StudyInstanceUID: '9.9.9', Rows: 7 };
const nested = (undefinedLength: boolean): ElementValue => ({
  items: [INNER, { ...INNER, '(0008,1140)': { vr: 'SQ', value: { items: [INNER], undefinedLength } } }],
  undefinedLength,
});
const OUTER = { patient_id: 'PID-1', patient_name: 'DOE^JANE', width: 512 };
const implicitItems = Buffer.concat([
  hex('feff00e0 ffffffff'),
  buildDataSet(INNER, { implicit: true }),
  hex('feff0de0 00000000'),
  hex('feffdde0 00000000'),
]);
const longHeader = (tag: string, vr: string, length: number) => {
  const header = Buffer.concat([hex(tag), latin1(vr), hex('0000 00000000')]);
  header.writeUInt32LE(length, 8);
  return header;
};

function spliced(name: string, elements: Buffer, expected: OddFile['expected'], transferSyntaxUid?: string): OddFile {
  // Behind SpecificCharacterSet's place, before everything else: the tags given are below (0008,0008).
  const whole = buildDicomFile({ dataSet: SAMPLE, ...(transferSyntaxUid === undefined ? {} : { transferSyntaxUid }) });
  const without = buildDicomFile({
    dataSet: {},
    ...(transferSyntaxUid === undefined ? {} : { transferSyntaxUid }),
    meta: {
      MediaStorageSOPClassUID: String(SAMPLE.SOPClassUID),
      MediaStorageSOPInstanceUID: String(SAMPLE.SOPInstanceUID),
    },
  });
  return {
    name,
    expected,
    bytes: Buffer.concat([whole.subarray(0, without.length), elements, whole.subarray(without.length)]),
  };
}

export const STRUCTURE = [
  ...[false, true].map((undefinedLength) =>
    odd(
      `wanted tags inside sequences, public and private (${undefinedLength ? 'undefined' : 'defined'} length)`,
      {
        ReferencedStudySequence: nested(undefinedLength),
        ReferencedImageSequence: nested(undefinedLength),
        '(0009,1001)': { vr: 'SQ', value: nested(undefinedLength) as never },
      },
      OUTER,
    ),
  ),
  spliced(
    'a private UN of undefined length (CP-246)',
    Buffer.concat([longHeader('07000110', 'UN', 0xffffffff), implicitItems]),
    OUTER,
  ),
  spliced(
    'a private sequence of undefined length with a private one inside',
    Buffer.concat([
      longHeader('07000110', 'SQ', 0xffffffff),
      hex('feff00e0 ffffffff'),
      longHeader('09000110', 'UN', 0xffffffff),
      implicitItems,
      buildDataSet(INNER),
      hex('feff0de0 00000000'),
      hex('feffdde0 00000000'),
    ]),
    OUTER,
  ),
  spliced(
    'pixel data of an icon, encapsulated, before everything',
    Buffer.concat([
      longHeader('07000210', 'OB', 0xffffffff),
      hex('feff00e0 00000000'),
      hex('feff00e0 08000000'),
      hex('feffdde0 00000000'),
      hex('feffdde0 00000000'),
    ]),
    OUTER,
  ),
  spliced(
    '64-bit VRs before everything',
    Buffer.concat([
      longHeader('07000310', 'SV', 8),
      hex('0102030405060708'),
      longHeader('07000410', 'UV', 8),
      hex('0102030405060708'),
      longHeader('07000510', 'OV', 16),
      Buffer.alloc(16, 0x10),
    ]),
    OUTER,
  ),
  spliced('a value of odd length', Buffer.concat([hex('07001010'), latin1('LO'), hex('0300'), latin1('ABC')]), OUTER),
  spliced(
    'an empty sequence, and one that is only its end',
    Buffer.concat([
      longHeader('07000110', 'SQ', 0),
      longHeader('07000210', 'SQ', 0xffffffff),
      hex('feffdde0 00000000'),
    ]),
    OUTER,
  ),
  spliced(
    'a sequence of undefined length without a VR among elements that have one',
    Buffer.concat([longHeader('07000010', 'UT', 0), hex('07000110 ffffffff'), implicitItems]),
    OUTER,
  ),
  spliced(
    'the same in an item of a sequence that has one',
    Buffer.concat([
      longHeader('07000110', 'SQ', 0xffffffff),
      hex('feff00e0 ffffffff'),
      hex('07000210 ffffffff'),
      hex('feff00e0 00000000'),
      hex('feffdde0 00000000'),
      hex('feff0de0 00000000'),
      hex('feffdde0 00000000'),
    ]),
    OUTER,
  ),
  spliced('a stray item end', hex('feff0de0 00000000'), 'bad_sequence'),
  spliced(
    'an item where an element should be, in an item',
    Buffer.concat([longHeader('07000110', 'SQ', 0xffffffff), hex('feff00e0 ffffffff'), hex('feff00e0 00000000')]),
    'bad_sequence',
  ),
  spliced(
    'a sequence that never ends',
    Buffer.concat([longHeader('07000110', 'SQ', 0xffffffff), hex('feff00e0 ffffffff')]),
    'truncated',
  ),
  odd(
    'the same attribute twice, the last a sequence',
    {},
    { study_description: null },
    {
      dataSet: [
        ...Object.entries(SAMPLE),
        ['StudyDescription', 'FIRST'],
        ['StudyDescription', { vr: 'SQ', value: { items: [{}] } }],
      ],
    },
  ),
  odd(
    'the same attribute twice, the last empty',
    {},
    { study_description: '' },
    {
      dataSet: [...Object.entries(SAMPLE), ['StudyDescription', 'FIRST'], ['StudyDescription', '']],
    },
  ),
  odd('a tag above all others before the patient', {}, OUTER, {
    dataSet: [['(fffc,fffc)', { vr: 'OB', value: Buffer.alloc(4) }], ...Object.entries(SAMPLE)],
  }),
  odd('a group length that is too small', {}, OUTER, {
    metaGroupLength: false,
    meta: { '(0002,0000)': { vr: 'UL', value: hex('01000000') } },
  }),
  odd('a group length that is too large', {}, OUTER, {
    metaGroupLength: false,
    meta: { '(0002,0000)': { vr: 'UL', value: hex('ffffff7f') } },
  }),
  odd('a group length that is too small, deflated', {}, OUTER, {
    metaGroupLength: false,
    meta: { '(0002,0000)': { vr: 'UL', value: hex('64000000') } },
    transferSyntaxUid: TRANSFER_SYNTAX.deflated,
  }),
  odd('no preamble, no group length, implicit VR', {}, OUTER, {
    preamble: false,
    metaGroupLength: false,
    transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian,
  }),
  odd('a preamble that is a TIFF header', {}, OUTER, {
    preamble: Buffer.concat([hex('49492a00'), Buffer.alloc(124, 0x44)]),
  }),
  odd('implicit VR, though explicit is announced', {}, OUTER, { encodedAs: 'implicitLittleEndian' }),
  odd('explicit VR, though implicit is announced', {}, OUTER, {
    transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian,
    encodedAs: 'explicitLittleEndian',
  }),
  odd(
    'a private transfer syntax',
    {},
    { ...OUTER, transfer_syntax_uid: '1.2.840.113619.5.2' },
    { transferSyntaxUid: '1.2.840.113619.5.2', encodedAs: 'implicitLittleEndian' },
  ),
  odd(
    'big endian, everything in it',
    { PatientName: 'DOE^JANE', ReferencedStudySequence: nested(true), SliceThickness: { vr: 'FD', value: 1.25 } },
    { ...OUTER, slice_thickness: 1.25 },
    { transferSyntaxUid: TRANSFER_SYNTAX.explicitBigEndian },
  ),
  odd(
    'a UID with a space and a NUL behind it',
    { StudyInstanceUID: { vr: 'UI', value: latin1('1.2.3 \0') } },
    { study_uid: '1.2.3', study_uid_hash: '14152512315557983588' },
  ),
  odd('a study date with dots', { StudyDate: '2024.02.29' }, { study_date_origin: '20240229' }),
  odd('a patient id of NULs', { PatientID: lo(Buffer.alloc(8)) }, { patient_id: '' }),
  odd(
    'a patient id of 65 characters, the last beyond the BMP',
    { ...set('ISO_IR 192'), PatientID: lo(Buffer.from(`${'A'.repeat(64)}😀`, 'utf8')) },
    'too_long:PATIENT_ID',
  ),
  odd(
    'a patient id of 64 characters beyond the BMP',
    { ...set('ISO_IR 192'), PatientID: lo(Buffer.from('😀'.repeat(64), 'utf8')) },
    { patient_id: '😀'.repeat(64) },
  ),
];
