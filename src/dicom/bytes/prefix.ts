import { DicomReadError } from '../../errors.ts';

/** Behind `DICM`, after the preamble or without one (PS3.10, 7.1). */
export function afterPrefix(window: Buffer, length: number): number {
  if (length >= 132 && isPrefix(window, 128)) return 132;
  if (length >= 4 && isPrefix(window, 0)) return 4;
  throw new DicomReadError('not_dicom');
}

function isPrefix(window: Buffer, at: number): boolean {
  return window[at] === 0x44 && window[at + 1] === 0x49 && window[at + 2] === 0x43 && window[at + 3] === 0x4d;
}
