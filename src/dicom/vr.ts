/** Value representations (DICOM PS3.5, section 6.2) as numbers: the two letters of an explicit VR, as they stand in the file. */

export function vrCode(letters: string): number {
  return (letters.charCodeAt(0) << 8) | letters.charCodeAt(1);
}

/** No VR was written: implicit VR little endian. */
export const NO_VR = 0;
export const SQ = vrCode('SQ');
export const UN = vrCode('UN');

const SHORT_FORM_VRS = 'AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US';

/** 1 where the length stands in 16 bits right behind the VR; all others, known or not, have a longer header (PS3.5, 7.1.2). */
export const SHORT_FORM = new Uint8Array(0x10000);
for (const letters of SHORT_FORM_VRS.split(' ')) SHORT_FORM[vrCode(letters)] = 1;

/** Whether two bytes could be a VR at all: capital letters. The length of an implicit element has this form only from 16 KB on. */
export function looksLikeVr(first: number, second: number): boolean {
  return first >= 0x41 && first <= 0x5a && second >= 0x41 && second <= 0x5a;
}

/** What the bytes of a binary VR hold: size in bytes and kind of number. */
export interface BinaryVr {
  readonly size: 2 | 4 | 8;
  readonly kind: 'unsigned' | 'signed' | 'float';
}

const BINARY: ReadonlyMap<number, BinaryVr> = new Map<number, BinaryVr>([
  [vrCode('US'), { size: 2, kind: 'unsigned' }],
  [vrCode('SS'), { size: 2, kind: 'signed' }],
  [vrCode('UL'), { size: 4, kind: 'unsigned' }],
  [vrCode('OL'), { size: 4, kind: 'unsigned' }],
  [vrCode('SL'), { size: 4, kind: 'signed' }],
  [vrCode('FL'), { size: 4, kind: 'float' }],
  [vrCode('OF'), { size: 4, kind: 'float' }],
  [vrCode('UV'), { size: 8, kind: 'unsigned' }],
  [vrCode('OV'), { size: 8, kind: 'unsigned' }],
  [vrCode('SV'), { size: 8, kind: 'signed' }],
  [vrCode('FD'), { size: 8, kind: 'float' }],
  [vrCode('OD'), { size: 8, kind: 'float' }],
]);

// These say nothing about what the bytes mean: the dictionary's VR counts instead (contract, "Rules").
const TELLS_NOTHING = new Set([NO_VR, UN, vrCode('OB'), vrCode('OW')]);

/** How to read the numbers of an element, or undefined where its value is text. */
export function binaryVr(written: number, dictionary: number): BinaryVr | undefined {
  return BINARY.get(TELLS_NOTHING.has(written) ? dictionary : written);
}
