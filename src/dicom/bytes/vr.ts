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

/** Whether two bytes are text at all, if hardly a VR: those of a length aren't. */
export function isPrintable(first: number, second: number): boolean {
  return first >= 0x20 && first <= 0x7e && second >= 0x20 && second <= 0x7e;
}

/** What the bytes of a binary VR hold: size in bytes and kind of number. */
export interface BinaryVr {
  readonly size: 2 | 4 | 8;
  readonly kind: 'unsigned' | 'signed' | 'float';
}

const NUMBERS: readonly (readonly [letters: string, number: BinaryVr])[] = [
  ['US', { size: 2, kind: 'unsigned' }],
  ['SS', { size: 2, kind: 'signed' }],
  ['UL', { size: 4, kind: 'unsigned' }],
  ['OL', { size: 4, kind: 'unsigned' }],
  ['SL', { size: 4, kind: 'signed' }],
  ['FL', { size: 4, kind: 'float' }],
  ['OF', { size: 4, kind: 'float' }],
  ['UV', { size: 8, kind: 'unsigned' }],
  ['OV', { size: 8, kind: 'unsigned' }],
  ['SV', { size: 8, kind: 'signed' }],
  ['FD', { size: 8, kind: 'float' }],
  ['OD', { size: 8, kind: 'float' }],
];

const TEXT = 0;
// These say nothing about what the bytes mean: the dictionary's VR counts instead (contract, "Rules").
const TELLS_NOTHING = 0xff;
const MEANING = new Uint8Array(0x10000);
NUMBERS.forEach(([letters], index) => {
  MEANING[vrCode(letters)] = index + 1;
});
for (const vr of [NO_VR, UN, vrCode('OB'), vrCode('OW')]) MEANING[vr] = TELLS_NOTHING;

/** How to read the numbers of an element, or undefined where its value is text. */
export function binaryVr(written: number, dictionary: number): BinaryVr | undefined {
  let meaning = MEANING[written];
  if (meaning === TELLS_NOTHING) meaning = MEANING[dictionary];
  return meaning === undefined || meaning === TEXT ? undefined : NUMBERS[meaning - 1]?.[1];
}
