/** Files as careless or clever writers make them, each with what the contract makes of it: a part of the two records, or the error. */
import {
  buildDataSet,
  buildDicomFile,
  type DicomFileOptions,
  type ElementValue,
  TRANSFER_SYNTAX,
} from '../../src/samples/dicom-file.ts';
import { SAMPLE } from './sample.ts';

export interface OddFile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly expected: Readonly<Record<string, unknown>> | string;
}

type Elements = Readonly<Record<string, ElementValue>>;

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const pn = (bytes: Buffer): ElementValue => ({ vr: 'PN', value: bytes });
const lo = (bytes: Buffer): ElementValue => ({ vr: 'LO', value: bytes });

function odd(
  name: string,
  elements: Elements,
  expected: OddFile['expected'],
  options: Partial<DicomFileOptions> = {},
): OddFile {
  return { name, expected, bytes: buildDicomFile({ dataSet: { ...SAMPLE, ...elements }, ...options }) };
}

const set = (...values: string[]): Elements => ({
  SpecificCharacterSet: { vr: 'CS', value: latin1(values.join('\\')) },
});

const TEXT = [
  odd(
    'Japanese, an escape in each group of the name',
    {
      ...set('', 'ISO 2022 IR 87'),
      PatientName: pn(
        Buffer.concat([
          latin1('Yamada^Tarou='),
          hex('1b2442 3b33 4544 1b2842 5e 1b2442 4240 4f3a 1b2842'),
          latin1('='),
          hex('1b2442 2464 245e 2440 1b2842 5e 1b2442 243f 246d 2426 1b2842'),
        ]),
      ),
    },
    { patient_name: 'Yamada^Tarou=山田^太郎=やまだ^たろう' },
  ),
  odd(
    'Korean, an escape in each group',
    {
      ...set('', 'ISO 2022 IR 149'),
      PatientName: pn(
        Buffer.concat([
          latin1('Hong^Gildong='),
          hex('1b242943 fbf3 5e 1b242943 d1ce d4d7'),
          latin1('='),
          hex('1b242943 c8ab 5e 1b242943 b1e6 b5bf'),
        ]),
      ),
    },
    { patient_name: 'Hong^Gildong=洪^吉洞=홍^길동' },
  ),
  odd(
    'Chinese by ISO 2022 IR 58',
    {
      ...set('', 'ISO 2022 IR 58'),
      PatientName: pn(Buffer.concat([latin1('Zhang^XiaoDong='), hex('1b242941 d5c5 5e 1b242941 d0a1 b6ab 20')])),
    },
    { patient_name: 'Zhang^XiaoDong=张^小东' },
  ),
  odd(
    'GB18030 with four-byte characters and a second byte of 5C',
    {
      ...set('GB18030'),
      PatientName: pn(Buffer.concat([latin1('A='), hex('90308130 95 32 82 36 d55c'), latin1('^x')])),
      StudyDescription: lo(hex('d55c d55c 5c d55c')),
    },
    { patient_name: 'A=𐀀𠀀誠^x', study_description: '誠誠\\誠' },
  ),
  odd(
    'GB18030 beyond its last character',
    { ...set('GB18030'), StudyDescription: lo(hex('41 fe39fe39 42')) },
    {
      study_description: /^A\ufffd+B$|^A\ufffd.*B$/u,
    },
  ),
  odd('GBK by name', { ...set('GBK'), StudyDescription: lo(hex('cdf5 81 40')) }, { study_description: '王丂' }),
  odd(
    'UTF-8, but the set says Latin-1',
    { ...set('ISO_IR 100'), StudyDescription: lo(Buffer.from('Zoë', 'utf8')) },
    {
      study_description: 'ZoÃ«',
    },
  ),
  odd(
    'Latin-1, but the set says UTF-8',
    { ...set('ISO_IR 192'), StudyDescription: lo(latin1('Zoë!x')) },
    {
      study_description: 'Zo\ufffd!x',
    },
  ),
  odd(
    'a set in small letters, padded with NUL',
    { ...set('iso_ir 144\0'), StudyDescription: lo(hex('bb ee da')) },
    {
      study_description: 'Люк',
    },
  ),
  odd(
    'a set that nobody knows',
    { ...set('ISO_IR 999'), StudyDescription: lo(latin1('Zoë ')) },
    { study_description: 'Zoë' },
  ),
  odd('a set without values', { ...set(''), StudyDescription: lo(latin1('CHEST ')) }, { study_description: 'CHEST' }),
  odd(
    'Greek after Latin by an escape, back at the next value',
    {
      ...set('ISO 2022 IR 100', 'ISO 2022 IR 126'),
      StudyDescription: lo(Buffer.concat([hex('e9 20 1b2d46 c4e9 ef'), latin1('\\'), hex('e9 20')])),
    },
    { study_description: 'é Διο\\é' },
  ),
  odd(
    'an escape that no set has',
    { ...set('', 'ISO 2022 IR 87'), StudyDescription: lo(hex('41 1b 42 43')) },
    {
      study_description: 'A\u001bBC',
    },
  ),
  odd(
    'an escape sequence cut off at the end',
    { ...set('', 'ISO 2022 IR 87'), StudyDescription: lo(hex('41 1b24')) },
    {
      study_description: 'A\u001b$',
    },
  ),
  odd(
    'padding of every kind in every place',
    {
      PatientID: lo(latin1('PID-1 \0 \0')),
      PatientName: pn(latin1('DOE\0^JANE \0\0')),
      StudyDescription: lo(latin1('  A \0\\ B  \\C\0')),
      AccessionNumber: { vr: 'SH', value: latin1('\0\0') },
      ProtocolName: lo(latin1('        ')),
    },
    {
      patient_id: 'PID-1',
      patient_name: 'DOE',
      study_description: 'A',
      accession_number: '',
      protocol_name: '',
    },
  ),
  odd(
    'quotes, tabs and line ends',
    { StudyDescription: lo(latin1('a"b\\c\td\r\ne/')) },
    { study_description: 'a"b\\c\td\r\ne/' },
  ),
  odd(
    'a sex that is too long, and one that is no letter',
    { PatientSex: 'FEMALE', PatientAge: '054Y' },
    { patient_sex: 'F' },
  ),
];

const NUMBERS = [
  odd(
    'nothing in anything that may be empty',
    {
      PatientName: '',
      PatientSex: '',
      StudyTime: '',
      AccessionNumber: '',
      SeriesNumber: '',
      SliceThickness: '',
      Modality: '',
      PatientBirthDate: '',
      Rows: { vr: 'US', value: Buffer.alloc(0) },
      ImageType: '',
    },
    {
      patient_name: '',
      patient_sex: '',
      study_time: null,
      accession_number: '',
      series_number: null,
      slice_thickness: null,
      modality: '',
      patient_birth_date: null,
      width: null,
      image_type: '',
    },
  ),
  odd(
    'several numbers, the first one missing',
    {
      SeriesNumber: { vr: 'IS', value: latin1('\\5 ') },
      InstanceNumber: { vr: 'IS', value: latin1(' 12 \\13') },
      SliceThickness: { vr: 'DS', value: latin1('\\1.5') },
      SliceLocation: { vr: 'DS', value: latin1(' -1.50 \\9 ') },
    },
    { series_number: null, instance_number: 12, slice_thickness: null, slice_location: -1.5 },
  ),
  odd(
    'numbers at the ends of their ranges',
    {
      SeriesNumber: '-2147483648',
      InstanceNumber: '2147483648',
      SliceThickness: '1e400',
      SliceLocation: '-.5E-3',
      RescaleSlope: '12345678901234567890',
      PatientWeight: '1.7976931348623157e308',
    },
    {
      series_number: -2147483648,
      instance_number: null,
      slice_thickness: null,
      slice_location: -0.0005,
      rescale_slope: 12345678901234567000,
      patient_weight: 1.7976931348623157e308,
    },
  ),
  odd(
    'what looks like a number',
    {
      SeriesNumber: '12.5',
      InstanceNumber: '0x10',
      SliceThickness: '1,5',
      SliceLocation: '1.2.3',
      RescaleSlope: '+',
      PatientWeight: '7 0',
      PatientSize: 'Infinity',
    },
    {
      series_number: null,
      instance_number: null,
      slice_thickness: null,
      slice_location: null,
      rescale_slope: null,
      patient_weight: null,
      patient_size: null,
    },
  ),
  odd(
    'numbers in other VRs than their own',
    {
      Rows: { vr: 'UV', value: hex('0002 0000 0000 0000') },
      Columns: { vr: 'IS', value: latin1('256 ') },
      BitsStored: { vr: 'SS', value: hex('ffff') },
      SeriesNumber: { vr: 'SV', value: hex('ffffffffffffffff') },
      SliceThickness: { vr: 'FL', value: hex('0000a03f') },
      InstanceNumber: { vr: 'UL', value: hex('ffffffff') },
      RescaleSlope: { vr: 'FD', value: hex('000000000000f87f') },
    },
    {
      width: 512,
      columns: 256,
      bits_stored: -1,
      series_number: -1,
      slice_thickness: 1.25,
      instance_number: null,
      rescale_slope: null,
    },
  ),
  odd(
    'numbers whose VR is UN, and one that is too short',
    {
      Rows: { vr: 'UN', value: hex('0002') },
      Columns: { vr: 'UN', value: hex('00') },
      SeriesNumber: { vr: 'UN', value: latin1('7 ') },
      PatientName: { vr: 'UN', value: latin1('DOE^JOHN') },
    },
    { width: 512, columns: null, series_number: 7, patient_name: 'DOE^JOHN' },
  ),
  odd(
    'dates and times as ACR-NEMA wrote them',
    {
      PatientBirthDate: '1999.01.31',
      SeriesDate: '1999.02.30',
      StudyTime: '10:15:30.5',
      SeriesTime: '10:15',
      ContentTime: '23',
      PatientBirthTime: '10:60',
    },
    {
      patient_birth_date: '1999-01-31',
      series_date: null,
      study_time: '10:15:30.500',
      series_time: '10:15:00',
      content_time: '23:00:00',
      patient_birth_time: null,
    },
  ),
  odd(
    'dates and times at their limits',
    {
      PatientBirthDate: '00010101',
      SeriesDate: '00000101',
      ContentDate: '99991231',
      StudyTime: '235959.999999',
      SeriesTime: '240000',
      ContentTime: '000000.0004',
    },
    {
      patient_birth_date: '0001-01-01',
      series_date: null,
      content_date: '9999-12-31',
      study_time: '23:59:59.999',
      series_time: null,
      content_time: '00:00:00',
    },
  ),
  odd(
    'leap days',
    { PatientBirthDate: '19000229', SeriesDate: '20000229', ContentDate: '20230229' },
    { patient_birth_date: null, series_date: '2000-02-29', content_date: null },
  ),
];

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

const STRUCTURE = [
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

export const ODD_FILES: readonly OddFile[] = [...TEXT, ...NUMBERS, ...STRUCTURE];
