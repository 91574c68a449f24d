/** Whether a data set may be left before its Pixel Data (docs/contract.md, "Order"). */
import { ATTRIBUTES, slotOf } from './attributes.ts';
import { FORM_NOT_ASCII, type FoundValues } from './found-values.ts';

const NEEDED = (
  [
    'StudyInstanceUID',
    'SeriesInstanceUID',
    'SOPInstanceUID',
    'SOPClassUID',
    'PatientID',
    'StudyDate',
    'Modality',
    'Rows',
    'Columns',
  ] as const
).map(slotOf);
const CHARACTER_SET = slotOf('SpecificCharacterSet');
const IS_TEXT = Uint8Array.from(ATTRIBUTES, ({ vr }) => (vr === 'US' ? 0 : 1));

/** Whether all required values were found, and the character set if a text needs it. */
export function isComplete({ bytes, forms }: FoundValues): boolean {
  // Loops without iterators and closures: each file with Pixel Data passes here.
  for (let at = 0; at < NEEDED.length; at++) if (bytes[NEEDED[at] as number] === undefined) return false;
  if (bytes[CHARACTER_SET] !== undefined) return true;
  for (let slot = 0; slot < IS_TEXT.length; slot++) {
    if (((forms[slot] ?? 0) & FORM_NOT_ASCII) !== 0 && IS_TEXT[slot] === 1 && bytes[slot] !== undefined) return false;
  }
  return true;
}
