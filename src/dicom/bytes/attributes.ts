/**
 * The attributes that the state and image records are made of (docs/contract.md, "Output records"), and NumberOfFrames, which `publish`
 * needs, with their VRs in the data dictionary (DICOM PS3.6, section 6). Sorted by tag, as data sets are (PS3.5, section 7.1).
 */
export interface Attribute {
  readonly keyword: string;
  /** Group and element as one number: 0x00100020 is (0010,0020). */
  readonly tag: number;
  readonly vr: string;
}

const TABLE = [
  ['SpecificCharacterSet', 0x00080005, 'CS'],
  ['ImageType', 0x00080008, 'CS'],
  ['SOPClassUID', 0x00080016, 'UI'],
  ['SOPInstanceUID', 0x00080018, 'UI'],
  ['StudyDate', 0x00080020, 'DA'],
  ['SeriesDate', 0x00080021, 'DA'],
  ['ContentDate', 0x00080023, 'DA'],
  ['StudyTime', 0x00080030, 'TM'],
  ['SeriesTime', 0x00080031, 'TM'],
  ['ContentTime', 0x00080033, 'TM'],
  ['AccessionNumber', 0x00080050, 'SH'],
  ['Modality', 0x00080060, 'CS'],
  ['StudyDescription', 0x00081030, 'LO'],
  ['SeriesDescription', 0x0008103e, 'LO'],
  ['PatientName', 0x00100010, 'PN'],
  ['PatientID', 0x00100020, 'LO'],
  ['PatientBirthDate', 0x00100030, 'DA'],
  ['PatientBirthTime', 0x00100032, 'TM'],
  ['PatientSex', 0x00100040, 'CS'],
  ['PatientAge', 0x00101010, 'AS'],
  ['PatientSize', 0x00101020, 'DS'],
  ['PatientWeight', 0x00101030, 'DS'],
  ['BodyPartExamined', 0x00180015, 'CS'],
  ['SliceThickness', 0x00180050, 'DS'],
  ['SpacingBetweenSlices', 0x00180088, 'DS'],
  ['ProtocolName', 0x00181030, 'LO'],
  ['StudyInstanceUID', 0x0020000d, 'UI'],
  ['SeriesInstanceUID', 0x0020000e, 'UI'],
  ['StudyID', 0x00200010, 'SH'],
  ['SeriesNumber', 0x00200011, 'IS'],
  ['InstanceNumber', 0x00200013, 'IS'],
  ['ImagePositionPatient', 0x00200032, 'DS'],
  ['ImageOrientationPatient', 0x00200037, 'DS'],
  ['SliceLocation', 0x00201041, 'DS'],
  ['NumberOfSeriesRelatedInstances', 0x00201209, 'IS'],
  ['SamplesPerPixel', 0x00280002, 'US'],
  ['PhotometricInterpretation', 0x00280004, 'CS'],
  ['NumberOfFrames', 0x00280008, 'IS'],
  ['Rows', 0x00280010, 'US'],
  ['Columns', 0x00280011, 'US'],
  ['BitsAllocated', 0x00280100, 'US'],
  ['BitsStored', 0x00280101, 'US'],
  ['HighBit', 0x00280102, 'US'],
  ['PixelRepresentation', 0x00280103, 'US'],
  ['WindowCenter', 0x00281050, 'DS'],
  ['WindowWidth', 0x00281051, 'DS'],
  ['RescaleIntercept', 0x00281052, 'DS'],
  ['RescaleSlope', 0x00281053, 'DS'],
  ['RescaleType', 0x00281054, 'LO'],
] as const;

/** The keyword of a wanted attribute. */
export type AttributeKeyword = (typeof TABLE)[number][0];

/** The wanted attributes, sorted by tag. */
export const ATTRIBUTES: readonly Attribute[] = TABLE.map(([keyword, tag, vr]) => ({ keyword, tag, vr }));

/** The last attribute that any record needs. */
export const LAST_WANTED_TAG = 0x00281054;

const slots = new Map<string, number>(TABLE.map(([keyword], slot) => [keyword, slot]));

/** The index of an attribute in `ATTRIBUTES`, at which the scanner keeps its value. */
export function slotOf(keyword: AttributeKeyword): number {
  return slots.get(keyword) ?? -1;
}

const NO_SLOT = -1;
// No two wanted tags share a key, or one of them would never be found.
const SLOTS_BY_KEY = new Int8Array(1 << 14).fill(NO_SLOT);
ATTRIBUTES.forEach(({ tag }, slot) => {
  SLOTS_BY_KEY[slotKey(tag >>> 16, tag & 0xffff)] = slot;
});
const TAGS = Uint32Array.from(ATTRIBUTES, ({ tag }) => tag);

function slotKey(group: number, element: number): number {
  // Elements of 0x0000 to 0x03ff and 0x1000 to 0x13ff.
  return ((group & 0x38) << 8) | ((element >> 2) & 0x400) | (element & 0x3ff);
}

/** The slot of a tag, or -1 if the attribute isn't wanted. */
export function wantedSlot(group: number, element: number): number {
  const slot = SLOTS_BY_KEY[slotKey(group, element)] as number;
  return slot !== NO_SLOT && TAGS[slot] === group * 0x10000 + element ? slot : NO_SLOT;
}
