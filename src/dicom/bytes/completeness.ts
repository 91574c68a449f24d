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
const TEXTS = ATTRIBUTES.flatMap(({ vr }, slot) => (vr === 'US' ? [] : [slot]));

/** Whether all required values were found, and the character set if a text needs it. */
export function isComplete({ bytes, forms }: FoundValues): boolean {
  for (const slot of NEEDED) if (bytes[slot] === undefined) return false;
  if (bytes[CHARACTER_SET] !== undefined) return true;
  return TEXTS.every((slot) => bytes[slot] === undefined || ((forms[slot] ?? 0) & FORM_NOT_ASCII) === 0);
}
