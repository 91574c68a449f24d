/**
 * Builds DICOM files (PS3.10) for tests, demos and benchmarks: any transfer syntax, any character set, sequences of either length
 * form, private elements. It writes values and VRs unchecked, because readers are tested with wrong ones.
 */
import { deflateRawSync } from 'node:zlib';
import type { DataSet, ElementValue } from './dicom-data-set.ts';
import { findElement } from './dicom-dictionary.ts';
import { type Encoding, elementBytes } from './dicom-element.ts';

export type { DataSet, ElementValue } from './dicom-data-set.ts';

/** Names for the transfer syntaxes that differ in how the data set is written. Any other UID is written as explicit little endian. */
export const TRANSFER_SYNTAX = {
  implicitLittleEndian: '1.2.840.10008.1.2',
  explicitLittleEndian: '1.2.840.10008.1.2.1',
  deflated: '1.2.840.10008.1.2.1.99',
  explicitBigEndian: '1.2.840.10008.1.2.2',
  jpegBaseline: '1.2.840.10008.1.2.4.50',
  jpeg2000Lossless: '1.2.840.10008.1.2.4.90',
  rle: '1.2.840.10008.1.2.5',
} as const;

/** The content of a DICOM file and how it is encoded (PS3.5, PS3.10). */
export interface DicomFileOptions {
  readonly dataSet: DataSet;
  /** Default: explicit little endian. */
  readonly transferSyntaxUid?: string;
  /** How the data set is really written, where that differs from what the transfer syntax says. */
  readonly encodedAs?: 'implicitLittleEndian' | 'explicitLittleEndian' | 'explicitBigEndian';
  /** Values of SpecificCharacterSet: written as (0008,0005) unless the data set has it, and used to encode text. Default: none. */
  readonly characterSet?: string | readonly string[];
  /** The 128 bytes before `DICM`. `false` leaves them out. Default: zeros. */
  readonly preamble?: Uint8Array | false;
  /** More or other file meta elements; `false` writes no file meta group at all, and no `DICM`. `null` as a value leaves an element out. */
  readonly meta?: Readonly<Record<string, ElementValue | null>> | false;
  /** Whether the file meta group starts with its length, as it should. Default: true. */
  readonly metaGroupLength?: boolean;
  /** One value, or the fragments of an encapsulated one (an empty offset table is put before them). Default: none. */
  readonly pixelData?: Uint8Array | readonly Uint8Array[];
}

const EXPLICIT: Encoding = { implicit: false, bigEndian: false, characterSets: [] };
const UNDEFINED_LENGTH = 0xffffffff;

/** The bytes of one DICOM file. Throws a RangeError on a keyword that isn't known and on values that the VR can't hold. */
export function buildDicomFile(options: DicomFileOptions): Buffer {
  const transferSyntaxUid = options.transferSyntaxUid ?? TRANSFER_SYNTAX.explicitLittleEndian;
  const body = dataSetBytes(options, transferSyntaxUid);
  const data = transferSyntaxUid === TRANSFER_SYNTAX.deflated ? evenLength(deflateRawSync(body)) : body;
  if (options.meta === false) return data;
  const preamble = options.preamble === false ? [] : [options.preamble ?? Buffer.alloc(128)];
  return Buffer.concat([...preamble, Buffer.from('DICM'), metaBytes(options, transferSyntaxUid), data]);
}

/** A data set alone, without preamble and file meta group: what the sequences of another data set hold, or a file from before 1993. */
export function buildDataSet(dataSet: DataSet, encoding: Partial<Encoding> = {}): Buffer {
  return elementsBytes(entriesOf(dataSet), { ...EXPLICIT, ...encoding });
}

function dataSetBytes(options: DicomFileOptions, transferSyntaxUid: string): Buffer {
  const { characterSet = [] } = options;
  const characterSets = typeof characterSet === 'string' ? characterSet.split('\\') : characterSet;
  const written = options.encodedAs ?? encodingOf(transferSyntaxUid);
  const encoding = {
    implicit: written === 'implicitLittleEndian',
    bigEndian: written === 'explicitBigEndian',
    characterSets,
  };
  const entries = [...entriesOf(options.dataSet)];
  const declared = entries.some(([key]) => findElement(key).tag === 0x00080005);
  if (characterSets.length > 0 && !declared) entries.unshift(['SpecificCharacterSet', [...characterSets]]);
  return Buffer.concat([elementsBytes(entries, encoding), pixelDataBytes(options.pixelData, encoding)]);
}

function encodingOf(transferSyntaxUid: string): 'implicitLittleEndian' | 'explicitLittleEndian' | 'explicitBigEndian' {
  if (transferSyntaxUid === TRANSFER_SYNTAX.implicitLittleEndian) return 'implicitLittleEndian';
  if (transferSyntaxUid === TRANSFER_SYNTAX.explicitBigEndian) return 'explicitBigEndian';
  return 'explicitLittleEndian';
}

function entriesOf(dataSet: DataSet): readonly (readonly [string, ElementValue])[] {
  if (isList(dataSet)) return dataSet;
  return Object.entries(dataSet).sort(([a], [b]) => findElement(a).tag - findElement(b).tag);
}

function isList(dataSet: DataSet): dataSet is readonly (readonly [string, ElementValue])[] {
  return Array.isArray(dataSet);
}

function elementsBytes(entries: readonly (readonly [string, ElementValue])[], encoding: Encoding): Buffer {
  return Buffer.concat(
    entries.map(([key, value]) =>
      elementBytes(findElement(key), value, encoding, (item) => elementsBytes(entriesOf(item), encoding)),
    ),
  );
}

function metaBytes(options: DicomFileOptions, transferSyntaxUid: string): Buffer {
  const elements: Record<string, ElementValue | null> = {
    FileMetaInformationVersion: Buffer.from([0, 1]),
    MediaStorageSOPClassUID: textOf(options.dataSet, 'SOPClassUID'),
    MediaStorageSOPInstanceUID: textOf(options.dataSet, 'SOPInstanceUID'),
    TransferSyntaxUID: transferSyntaxUid,
    ImplementationClassUID: '1.2.826.0.1.3680043.10.9999.9',
    ...(options.meta === false ? {} : options.meta),
  };
  const present = Object.entries(elements).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]));
  const body = elementsBytes(entriesOf(Object.fromEntries(present)), EXPLICIT);
  if (options.metaGroupLength === false) return body;
  const length = elementBytes({ tag: 0x00020000, vr: 'UL' }, body.length, EXPLICIT, () => Buffer.alloc(0));
  return Buffer.concat([length, body]);
}

function textOf(dataSet: DataSet, keyword: string): string | null {
  const value = entriesOf(dataSet).find(([key]) => key === keyword)?.[1];
  return typeof value === 'string' ? value : null;
}

function pixelDataBytes(pixelData: DicomFileOptions['pixelData'], encoding: Encoding): Buffer {
  if (pixelData === undefined) return Buffer.alloc(0);
  const nothing = () => Buffer.alloc(0);
  if (pixelData instanceof Uint8Array) return elementBytes({ tag: 0x7fe00010, vr: 'OW' }, pixelData, encoding, nothing);
  const header = Buffer.from([0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x42, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(UNDEFINED_LENGTH, 8);
  const items = [Buffer.alloc(0), ...pixelData].flatMap((fragment) => [itemHeader(fragment.length), fragment]);
  return Buffer.concat([header, ...items, Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0])]);
}

function itemHeader(length: number): Buffer {
  const header = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
  header.writeUInt32LE(length, 4);
  return header;
}

function evenLength(bytes: Buffer): Buffer {
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
}
