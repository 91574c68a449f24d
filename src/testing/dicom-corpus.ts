/** Valid files of every form that the reader supports, for mutants and benchmarks. All values are generated. */
import {
  buildDicomFile,
  type DataSet,
  type DicomFileOptions,
  type ElementValue,
  TRANSFER_SYNTAX,
} from '../samples/dicom-file.ts';

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

/** What a typical device writes besides the wanted attributes: 35 public ones and about 150 in private groups. */
const PUBLIC_BY_SCANNER: readonly (readonly [tag: string, vr: string, value: string])[] = [
  ['(0008,0012)', 'DA', '20240301'],
  ['(0008,0013)', 'TM', '101546'],
  ['(0008,0014)', 'UI', '1.2.826.0.1.3680043.10.9999.5'],
  ['(0008,0022)', 'DA', '20240301'],
  ['(0008,0032)', 'TM', '101540'],
  ['(0008,0080)', 'LO', 'MADE-UP HOSPITAL'],
  ['(0008,0090)', 'PN', 'ROE^RICHARD'],
  ['(0008,1010)', 'SH', 'STATION1'],
  ['(0008,1090)', 'LO', 'SCANNER 3000'],
  ['(0010,21b0)', 'LT', ''],
  ['(0018,0010)', 'LO', 'NONE'],
  ['(0018,0022)', 'CS', 'HELICAL MODE'],
  ['(0018,0090)', 'DS', '500.0'],
  ['(0018,1020)', 'LO', '05'],
  ['(0018,1100)', 'DS', '350.000000'],
  ['(0018,1110)', 'DS', '949.075'],
  ['(0018,1111)', 'DS', '541.0'],
  ['(0018,1120)', 'DS', '0.0'],
  ['(0018,1130)', 'DS', '157.5'],
  ['(0018,1150)', 'IS', '700'],
  ['(0018,1151)', 'IS', '220'],
  ['(0018,1152)', 'IS', '154'],
  ['(0018,1160)', 'SH', 'BODY FILTER'],
  ['(0018,1190)', 'DS', '0.7'],
  ['(0018,1210)', 'SH', 'STANDARD'],
  ['(0018,5100)', 'CS', 'HFS'],
  ['(0020,0012)', 'IS', '1'],
  ['(0020,0052)', 'UI', '1.2.826.0.1.3680043.10.9999.6.1'],
  ['(0020,0060)', 'CS', ''],
  ['(0020,1040)', 'LO', 'SN'],
  ['(0020,4000)', 'LT', 'MADE UP'],
  ['(0028,0030)', 'DS', '0.683594\\0.683594'],
];

function scannerElements(): Readonly<Record<string, ElementValue>> {
  const elements: Record<string, ElementValue> = {};
  for (const [tag, vr, value] of PUBLIC_BY_SCANNER) elements[tag] = { vr, value };
  const privateValues: readonly ElementValue[] = [
    { vr: 'SS', value: -3 },
    { vr: 'SL', value: 70_000 },
    { vr: 'DS', value: '0.500000' },
    { vr: 'FL', value: 0.25 },
    { vr: 'SH', value: 'AB' },
    { vr: 'US', value: [1, 2, 3] },
  ];
  for (const [group, count] of [
    ['0009', 8],
    ['0019', 60],
    ['0021', 12],
    ['0025', 10],
    ['0027', 40],
  ] as const) {
    elements[`(${group},0010)`] = { vr: 'LO', value: 'MADE UP 01' };
    for (let at = 0; at < count; at++) {
      elements[`(${group},${(0x1001 + at).toString(16)})`] = privateValues[at % privateValues.length] ?? '';
    }
  }
  return elements;
}

const VARIANTS: Readonly<
  Record<string, Omit<DicomFileOptions, 'dataSet'> & { readonly more?: Readonly<Record<string, ElementValue>> }>
> = {
  'explicit VR': {},
  'implicit VR': { transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian },
  'big endian': {
    transferSyntaxUid: TRANSFER_SYNTAX.explicitBigEndian,
    more: { ReferencedImageSequence: nested(1, true) },
  },
  deflated: { transferSyntaxUid: TRANSFER_SYNTAX.deflated },
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

/** The size of the files. */
export interface CorpusOptions {
  /** Size of each file's pixel data in bytes. Default: 64. */
  readonly pixelBytes?: number;
  /** About 200 elements per header, as devices write them, instead of only the 50 that are read. Default: false. */
  readonly asScannersWrite?: boolean;
}

/** Valid files by their special property. */
export function dicomCorpus({
  pixelBytes = 64,
  asScannersWrite = false,
}: CorpusOptions = {}): ReadonlyMap<string, Buffer> {
  const around = asScannersWrite ? scannerElements() : {};
  const files = Object.entries(VARIANTS).map(([kind, { more = {}, ...options }]) => {
    const pixels = Buffer.alloc(pixelBytes);
    const pixelData = options.transferSyntaxUid === TRANSFER_SYNTAX.jpeg2000Lossless ? [pixels] : pixels;
    return [kind, buildDicomFile({ dataSet: { ...CT, ...around, ...more }, pixelData, ...options })] as const;
  });
  return new Map(files);
}
