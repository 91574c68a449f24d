/** Good files of every form that the reader knows, for mutants and benchmarks. Generated: no patient ever had these values. */
import {
  buildDicomFile,
  type DataSet,
  type DicomFileOptions,
  type ElementValue,
  TRANSFER_SYNTAX,
} from './dicom-file.ts';

const CT: Readonly<Record<string, ElementValue>> = {
  ImageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
  SOPInstanceUID: '1.2.826.0.1.3680043.10.9999.3.17',
  StudyDate: '20240229',
  SeriesDate: '20240229',
  ContentDate: '20240301',
  StudyTime: '101500',
  SeriesTime: '101530.250',
  ContentTime: '101545.123456',
  AccessionNumber: 'ACC0001',
  Modality: 'CT',
  Manufacturer: 'MADE UP',
  StudyDescription: 'CHEST ROUTINE',
  SeriesDescription: 'LUNG 1.0',
  PatientName: 'DOE^JANE',
  PatientID: 'PID-1',
  PatientBirthDate: '19700101',
  PatientSex: 'F',
  PatientAge: '054Y',
  PatientSize: '1.65',
  PatientWeight: '61.5',
  BodyPartExamined: 'CHEST',
  SliceThickness: '1.25',
  KVP: '120',
  SpacingBetweenSlices: '1.0',
  ProtocolName: 'PROTO A',
  StudyInstanceUID: '1.2.826.0.1.3680043.10.9999.1.1',
  SeriesInstanceUID: '1.2.826.0.1.3680043.10.9999.2.1',
  StudyID: 'S1',
  SeriesNumber: '3',
  InstanceNumber: '17',
  ImagePositionPatient: ['-125.0', '-125.0', '10.5'],
  ImageOrientationPatient: ['1', '0', '0', '0', '1', '0'],
  SliceLocation: '10.5',
  NumberOfSeriesRelatedInstances: '120',
  SamplesPerPixel: 1,
  PhotometricInterpretation: 'MONOCHROME2',
  Rows: 512,
  Columns: 512,
  BitsAllocated: 16,
  BitsStored: 12,
  HighBit: 11,
  PixelRepresentation: 0,
  WindowCenter: ['40', '-600'],
  WindowWidth: ['400', '1500'],
  RescaleIntercept: '-1024',
  RescaleSlope: '1',
  RescaleType: 'HU',
};

const ITEM: DataSet = {
  ReferencedSOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
  ReferencedSOPInstanceUID: '1.2.3.4.5',
  PatientID: 'INNER',
};

function nested(depth: number, undefinedLength: boolean): ElementValue {
  const items = depth === 0 ? [ITEM, ITEM] : [{ ...ITEM, ReferencedImageSequence: nested(depth - 1, undefinedLength) }];
  return { items, undefinedLength };
}

const PRIVATE: Readonly<Record<string, ElementValue>> = Object.fromEntries([
  ['(0009,0010)', { vr: 'LO', value: 'MADE UP PRIVATE' }],
  ...Array.from({ length: 60 }, (_, at) => [
    `(0009,${(0x1000 + at).toString(16)})`,
    { vr: 'LO', value: `VALUE ${at}` },
  ]),
]);

const VARIANTS: Readonly<
  Record<string, Omit<DicomFileOptions, 'dataSet'> & { readonly more?: Readonly<Record<string, ElementValue>> }>
> = {
  'explicit CT': {},
  'implicit CT': { transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian },
  'big endian': {
    transferSyntaxUid: TRANSFER_SYNTAX.explicitBigEndian,
    more: { ReferencedImageSequence: nested(1, true) },
  },
  deflated: { transferSyntaxUid: TRANSFER_SYNTAX.deflated },
  'private group': { more: PRIVATE },
  'sequences, defined length': { more: { ReferencedStudySequence: nested(4, false) } },
  'sequences, undefined length': {
    more: { ReferencedStudySequence: nested(4, true), ReferencedImageSequence: nested(2, true) },
  },
  'encapsulated JPEG 2000': { transferSyntaxUid: TRANSFER_SYNTAX.jpeg2000Lossless },
  'UTF-8': {
    characterSet: 'ISO_IR 192',
    more: { PatientName: 'Wang^XiaoDong=王^小东', StudyDescription: '胸部 CT 平扫' },
  },
  GB18030: { characterSet: 'GB18030', more: { PatientName: 'Wang^XiaoDong=王^小东', StudyDescription: '胸部誠乗' } },
  'ISO 2022 Japanese': {
    characterSet: ['', 'ISO 2022 IR 87'],
    more: { PatientName: 'Yamada^Tarou=山田^太郎=やまだ^たろう', StudyDescription: '胸部 CT' },
  },
  'ISO 2022 Korean': {
    characterSet: ['', 'ISO 2022 IR 149'],
    more: { PatientName: 'Hong^Gildong=홍^길동', StudyDescription: '흉부' },
  },
};

/** Good files by what is special about them. `pixelBytes` is the size of the pixel data of each. */
export function dicomCorpus(pixelBytes = 64): ReadonlyMap<string, Buffer> {
  const files = Object.entries(VARIANTS).map(([kind, { more = {}, ...options }]) => {
    const pixels = Buffer.alloc(pixelBytes);
    const pixelData = options.transferSyntaxUid === TRANSFER_SYNTAX.jpeg2000Lossless ? [pixels] : pixels;
    return [kind, buildDicomFile({ dataSet: { ...CT, ...more }, pixelData, ...options })] as const;
  });
  return new Map(files);
}
