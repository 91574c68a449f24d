/** Text and character sets. */
import { hex, latin1, lo, odd, pn, set } from './build.ts';

export const TEXT = [
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
    'an unknown character set',
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
