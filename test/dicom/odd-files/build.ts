/** Builders of odd files: what a writer did, and what the contract makes of it (a part of the two records, or the error). */
import { buildDicomFile, type DicomFileOptions, type ElementValue } from '../../../src/samples/dicom-file.ts';
import { SAMPLE } from '../sample.ts';

export interface OddFile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly expected: Readonly<Record<string, unknown>> | string;
}

export type Elements = Readonly<Record<string, ElementValue>>;

export const latin1 = (text: string) => Buffer.from(text, 'latin1');
export const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
export const pn = (bytes: Buffer): ElementValue => ({ vr: 'PN', value: bytes });
export const lo = (bytes: Buffer): ElementValue => ({ vr: 'LO', value: bytes });

export function odd(
  name: string,
  elements: Elements,
  expected: OddFile['expected'],
  options: Partial<DicomFileOptions> = {},
): OddFile {
  return { name, expected, bytes: buildDicomFile({ dataSet: { ...SAMPLE, ...elements }, ...options }) };
}

export const set = (...values: string[]): Elements => ({
  SpecificCharacterSet: { vr: 'CS', value: latin1(values.join('\\')) },
});
