/** Value representations (DICOM PS3.5, 6.2) as numbers: the two letters of an explicit VR as they are written. */

/** The number of a VR. */
export function vrCode(letters: string): number {
  return (letters.charCodeAt(0) << 8) | letters.charCodeAt(1);
}

/** Implicit VR, or a VR that PS3.5 doesn't define: the dictionary's VR applies. */
export const NO_VR = 0;
/** A sequence. */
export const SQ = vrCode('SQ');
/** Unknown: a value whose VR the writer didn't know. */
export const UN = vrCode('UN');

const SHORT_FORM_VRS = 'AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US';
const LONG_FORM_VRS = 'OB OD OF OL OV OW SQ SV UC UN UR UT UV';

/** 1 where the length is in the 16 bits behind the VR (PS3.5, 7.1.2). */
export const SHORT_FORM = codes(SHORT_FORM_VRS);
/** 1 where two reserved bytes and a length of 32 bits follow the VR. */
const LONG_FORM = codes(LONG_FORM_VRS);

function codes(letters: string): Uint8Array {
  const table = new Uint8Array(0x10000);
  for (const vr of letters.split(' ')) table[vrCode(vr)] = 1;
  return table;
}

/** Whether two reserved bytes and a length of 32 bits follow this VR. */
export function isLongForm(vr: number): boolean {
  return LONG_FORM[vr] === 1;
}

/** Whether PS3.5 defines this VR. The length of an implicit element looks like one only from 16 KiB on. */
export function isKnownVr(vr: number): boolean {
  return SHORT_FORM[vr] === 1 || LONG_FORM[vr] === 1;
}

/** Whether two bytes are printable ASCII, which the length of an implicit element rarely is. */
export function isPrintable(vr: number): boolean {
  const first = vr >> 8;
  const second = vr & 0xff;
  return first >= 0x20 && first <= 0x7e && second >= 0x20 && second <= 0x7e;
}

/** The numbers of a binary VR: size in bytes and kind. */
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
// These do not say what the bytes mean: the dictionary's VR counts (docs/contract.md, "Odd headers").
const BY_DICTIONARY = 0xff;
const MEANING = new Uint8Array(0x10000);
NUMBERS.forEach(([letters], index) => {
  MEANING[vrCode(letters)] = index + 1;
});
for (const vr of [NO_VR, UN, vrCode('OB'), vrCode('OW')]) MEANING[vr] = BY_DICTIONARY;

/** How to read the numbers of an element; undefined if its value is text. */
export function binaryVr(written: number, dictionary: number): BinaryVr | undefined {
  let meaning = MEANING[written];
  if (meaning === BY_DICTIONARY) meaning = MEANING[dictionary];
  return meaning === undefined || meaning === TEXT ? undefined : NUMBERS[meaning - 1]?.[1];
}
