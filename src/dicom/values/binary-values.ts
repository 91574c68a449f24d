/** Numbers of the binary VRs (DICOM PS3.5, 6.2 and 7.3) out of an element's bytes, which come as a Latin-1 string. */
import type { BinaryVr } from '../bytes/vr.ts';

const scratch = new DataView(new ArrayBuffer(8));

/** The number at byte `at`, or undefined where fewer bytes are left than it takes. 64-bit integers lose what lies past 2^53. */
export function readNumber(bytes: string, at: number, vr: BinaryVr, bigEndian: boolean): number | undefined {
  const { size, kind } = vr;
  if (at + size > bytes.length) return undefined;
  if (size === 2) {
    const first = bytes.charCodeAt(at);
    const second = bytes.charCodeAt(at + 1);
    const value = bigEndian ? (first << 8) | second : first | (second << 8);
    return kind === 'signed' ? (value << 16) >> 16 : value;
  }
  for (let index = 0; index < size; index++) scratch.setUint8(index, bytes.charCodeAt(at + index));
  if (size === 4) {
    if (kind === 'float') return scratch.getFloat32(0, !bigEndian);
    return kind === 'signed' ? scratch.getInt32(0, !bigEndian) : scratch.getUint32(0, !bigEndian);
  }
  if (kind === 'float') return scratch.getFloat64(0, !bigEndian);
  return Number(kind === 'signed' ? scratch.getBigInt64(0, !bigEndian) : scratch.getBigUint64(0, !bigEndian));
}

/** All numbers as one text, joined as multi-valued text is: for a text attribute that was written with a binary VR. */
export function numbersText(bytes: string, vr: BinaryVr, bigEndian: boolean): string {
  const numbers: string[] = [];
  for (let at = 0; ; at += vr.size) {
    const value = readNumber(bytes, at, vr, bigEndian);
    if (value === undefined) return numbers.join('\\');
    numbers.push(String(value));
  }
}
