/** What the file builder knows by name: the attributes that the reader wants, and those that make a generated study look real. */
import { ATTRIBUTES } from '../dicom/bytes/attributes.ts';

const MORE: readonly (readonly [keyword: string, tag: number, vr: string])[] = [
  ['FileMetaInformationVersion', 0x00020001, 'OB'],
  ['MediaStorageSOPClassUID', 0x00020002, 'UI'],
  ['MediaStorageSOPInstanceUID', 0x00020003, 'UI'],
  ['TransferSyntaxUID', 0x00020010, 'UI'],
  ['ImplementationClassUID', 0x00020012, 'UI'],
  ['ImplementationVersionName', 0x00020013, 'SH'],
  ['SourceApplicationEntityTitle', 0x00020016, 'AE'],
  ['InstanceCreationDate', 0x00080012, 'DA'],
  ['InstanceCreationTime', 0x00080013, 'TM'],
  ['AcquisitionDate', 0x00080022, 'DA'],
  ['AcquisitionTime', 0x00080032, 'TM'],
  ['Manufacturer', 0x00080070, 'LO'],
  ['InstitutionName', 0x00080080, 'LO'],
  ['ReferringPhysicianName', 0x00080090, 'PN'],
  ['StationName', 0x00081010, 'SH'],
  ['ProcedureCodeSequence', 0x00081032, 'SQ'],
  ['ManufacturerModelName', 0x00081090, 'LO'],
  ['ReferencedStudySequence', 0x00081110, 'SQ'],
  ['ReferencedImageSequence', 0x00081140, 'SQ'],
  ['ReferencedSOPClassUID', 0x00081150, 'UI'],
  ['ReferencedSOPInstanceUID', 0x00081155, 'UI'],
  ['CodeValue', 0x00080100, 'SH'],
  ['CodingSchemeDesignator', 0x00080102, 'SH'],
  ['CodeMeaning', 0x00080104, 'LO'],
  ['OtherPatientIDs', 0x00101000, 'LO'],
  ['PatientComments', 0x00104000, 'LT'],
  ['KVP', 0x00180060, 'DS'],
  ['SoftwareVersions', 0x00181020, 'LO'],
  ['AcquisitionNumber', 0x00200012, 'IS'],
  ['FrameOfReferenceUID', 0x00200052, 'UI'],
  ['ImageComments', 0x00204000, 'LT'],
  ['PixelSpacing', 0x00280030, 'DS'],
  ['IconImageSequence', 0x00880200, 'SQ'],
  ['PixelData', 0x7fe00010, 'OW'],
];

export interface KnownElement {
  readonly tag: number;
  readonly vr: string;
}

const byKeyword = new Map<string, KnownElement>();
const byTag = new Map<number, KnownElement>();
for (const { keyword, tag, vr } of ATTRIBUTES) remember(keyword, tag, vr);
for (const [keyword, tag, vr] of MORE) remember(keyword, tag, vr);

function remember(keyword: string, tag: number, vr: string): void {
  const element = { tag, vr };
  byKeyword.set(keyword, element);
  byTag.set(tag, element);
}

const TAG_TEXT = /^\(?([0-9a-f]{4}),?([0-9a-f]{4})\)?$/i;

/**
 * An element by its keyword (`PatientID`) or its tag (`(0010,0020)`, `00100020` or the number). A tag without an entry has VR UN.
 * Throws a RangeError on a keyword that isn't known.
 */
export function findElement(key: string | number): KnownElement {
  if (typeof key === 'number') return byTag.get(key) ?? { tag: key, vr: 'UN' };
  const known = byKeyword.get(key);
  if (known !== undefined) return known;
  const match = TAG_TEXT.exec(key);
  if (match === null) throw new RangeError(`no element named ${key}: give its tag as (gggg,eeee) and its vr`);
  return findElement(Number.parseInt(`${match[1]}${match[2]}`, 16));
}
