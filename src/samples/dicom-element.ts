/** One data element as bytes (DICOM PS3.5, section 7.1). */
import type { DataSet, ElementValue, Items, PlainValue } from './dicom-data-set.ts';
import { encodeText } from './dicom-text-encoder.ts';

/** How a data set is encoded: its transfer syntax and its character sets. */
export interface Encoding {
  readonly implicit: boolean;
  readonly bigEndian: boolean;
  /** Values of SpecificCharacterSet. */
  readonly characterSets: readonly string[];
}

const LONG_FORM = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);
const SHORT_FORM = new Set('AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US'.split(' '));
const BY_CHARACTER_SET = new Set(['LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT']);
const UNDEFINED_LENGTH = 0xffffffff;
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;

/** Header and value of one element; `writeItem` makes the bytes of a sequence's item. */
export function elementBytes(
  known: { readonly tag: number; readonly vr: string },
  given: ElementValue,
  encoding: Encoding,
  writeItem: (item: DataSet) => Buffer,
): Buffer {
  const { vr, value, length } = isTyped(given) ? given : { vr: known.vr, value: given, length: undefined };
  if (isItems(value)) return sequenceBytes(known.tag, vr, value, encoding, writeItem);
  const bytes = valueBytes(vr, value, encoding);
  return Buffer.concat([headerBytes(known.tag, vr, length ?? bytes.length, encoding), bytes]);
}

function isTyped(value: ElementValue): value is Extract<ElementValue, { vr: string }> {
  return typeof value === 'object' && 'vr' in value;
}

function isItems(value: PlainValue): value is Items {
  return typeof value === 'object' && 'items' in value;
}

function sequenceBytes(
  tag: number,
  vr: string,
  { items, undefinedLength = false }: Items,
  encoding: Encoding,
  writeItem: (item: DataSet) => Buffer,
): Buffer {
  const body = Buffer.concat(
    items.flatMap((item) => {
      const bytes = writeItem(item);
      const length = undefinedLength ? UNDEFINED_LENGTH : bytes.length;
      return [
        tagAndLength(ITEM, length, encoding),
        bytes,
        ...(undefinedLength ? [tagAndLength(ITEM_END, 0, encoding)] : []),
      ];
    }),
  );
  if (!undefinedLength) return Buffer.concat([headerBytes(tag, vr, body.length, encoding), body]);
  const end = tagAndLength(SEQUENCE_END, 0, encoding);
  return Buffer.concat([headerBytes(tag, vr, UNDEFINED_LENGTH, encoding), body, end]);
}

function headerBytes(tag: number, vr: string, length: number, encoding: Encoding): Buffer {
  if (encoding.implicit) return tagAndLength(tag, length, encoding);
  const header = Buffer.alloc(SHORT_FORM.has(vr) ? 8 : 12);
  header.set(tagBytes(tag, encoding));
  header.write(vr, 4, 2, 'latin1');
  if (header.length === 12) writeUnsigned(header, length, 8, 4, encoding);
  else if (length > 0xffff) throw new RangeError(`a value of VR ${vr} is at most 65535 bytes long`);
  else writeUnsigned(header, length, 6, 2, encoding);
  return header;
}

function tagAndLength(tag: number, length: number, encoding: Encoding): Buffer {
  const header = Buffer.alloc(8);
  header.set(tagBytes(tag, encoding));
  writeUnsigned(header, length, 4, 4, encoding);
  return header;
}

function tagBytes(tag: number, encoding: Encoding): Buffer {
  const bytes = Buffer.alloc(4);
  writeUnsigned(bytes, tag >>> 16, 0, 2, encoding);
  writeUnsigned(bytes, tag & 0xffff, 2, 2, encoding);
  return bytes;
}

function writeUnsigned(bytes: Buffer, value: number, offset: number, size: number, { bigEndian }: Encoding): void {
  if (bigEndian) bytes.writeUIntBE(value, offset, size);
  else bytes.writeUIntLE(value, offset, size);
}

function valueBytes(vr: string, value: Exclude<PlainValue, Items>, encoding: Encoding): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value);
  const values = Array.isArray(value) ? value : [value];
  const size = BINARY_SIZE[vr];
  if (size !== undefined) {
    const numbers = values.filter((each) => each !== '');
    return Buffer.concat(numbers.map((each) => numberBytes(vr, each, size, encoding)));
  }
  const text = values.join('\\');
  const sets = BY_CHARACTER_SET.has(vr) || !(SHORT_FORM.has(vr) || LONG_FORM.has(vr)) ? encoding.characterSets : [];
  const bytes = encodeText(text, sets);
  if (bytes.length % 2 === 0) return bytes;
  return Buffer.concat([bytes, Buffer.from(vr === 'UI' || LONG_FORM.has(vr) ? '\0' : ' ')]);
}

const BINARY_SIZE: Readonly<Record<string, number>> = { US: 2, SS: 2, UL: 4, SL: 4, FL: 4, FD: 8, UV: 8, SV: 8 };

function numberBytes(vr: string, value: string | number | bigint, size: number, { bigEndian }: Encoding): Buffer {
  const bytes = Buffer.alloc(size);
  if (vr === 'FL') bytes.writeFloatLE(Number(value));
  else if (vr === 'FD') bytes.writeDoubleLE(Number(value));
  else if (vr === 'UV') bytes.writeBigUInt64LE(BigInt(value));
  else if (vr === 'SV') bytes.writeBigInt64LE(BigInt(value));
  else if (vr === 'SS' || vr === 'SL') bytes.writeIntLE(Number(value), 0, size);
  else bytes.writeUIntLE(Number(value), 0, size);
  return bigEndian ? bytes.reverse() : bytes;
}
