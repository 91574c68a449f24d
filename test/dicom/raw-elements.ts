/** Elements byte by byte, for headers that no builder writes. Little endian. */
import { buildDataSet, buildDicomFile, type ElementValue, TRANSFER_SYNTAX } from '../../src/samples/dicom-file.ts';
import { SAMPLE } from './sample.ts';

export const UNDEFINED = 0xffffffff;
export const ITEM_END = Buffer.from('feff0de000000000', 'hex');
export const SEQUENCE_END = Buffer.from('feffdde000000000', 'hex');

/** `tag` as `00100020`. A VR of two characters with 16 bits of length (`short`), 32 bits (`long`), or none. */
export function element(
  tag: string,
  vr: string,
  form: 'short' | 'long' | 'implicit',
  value: Buffer | string,
  length?: number,
): Buffer {
  const bytes = Buffer.from(value as string, 'latin1');
  const header = Buffer.alloc(form === 'long' ? 12 : 8);
  header.writeUInt16LE(Number.parseInt(tag.slice(0, 4), 16), 0);
  header.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2);
  if (form !== 'implicit') header.write(vr, 4, 'latin1');
  if (form === 'short') header.writeUInt16LE(length ?? bytes.length, 6);
  else header.writeUInt32LE(length ?? bytes.length, form === 'long' ? 8 : 4);
  return Buffer.concat([header, bytes]);
}

export function sequence(tag: string, length: number | undefined, ...content: Buffer[]): Buffer {
  return element(tag, 'SQ', 'long', Buffer.concat(content), length);
}

export function item(length: number | undefined, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const header = Buffer.from('feff00e000000000', 'hex');
  header.writeUInt32LE(length ?? body.length, 4);
  return Buffer.concat([header, body]);
}

/** The sample file with `inserted` before the first element whose tag is `before` or more. `without` leaves elements out. */
export function sampleWith(
  inserted: Buffer,
  before: string,
  options: { readonly implicit?: boolean; readonly without?: readonly string[] } = {},
): Buffer {
  const { implicit = false, without = [] } = options;
  const left = Object.fromEntries(Object.entries(SAMPLE).filter(([keyword]) => !without.includes(keyword)));
  const data = (part: Readonly<Record<string, ElementValue>>) => buildDataSet(part, { implicit });
  const whole = buildDicomFile({
    dataSet: left,
    transferSyntaxUid: implicit ? TRANSFER_SYNTAX.implicitLittleEndian : TRANSFER_SYNTAX.explicitLittleEndian,
  });
  const dataSet = data(left);
  const start = whole.length - dataSet.length;
  let at = 0;
  while (at < dataSet.length) {
    const tag = dataSet.readUInt16LE(at) * 0x10000 + dataSet.readUInt16LE(at + 2);
    if (tag >= Number.parseInt(before, 16)) break;
    at += 8 + (implicit ? dataSet.readUInt32LE(at + 4) : dataSet.readUInt16LE(at + 6));
  }
  return Buffer.concat([whole.subarray(0, start + at), inserted, dataSet.subarray(at)]);
}
