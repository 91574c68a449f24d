import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type FileAnswer, type FileCall, type Reading, runSync } from '../../src/dicom/file-calls.ts';
import { FileHeader, NOT_KNOWN, type UseHeader } from '../../src/dicom/file-header.ts';
import { DicomReadError } from '../../src/errors.ts';
import { buildDicomFile } from '../../src/testing/dicom-file.ts';
import { REQUIRED, SAMPLE } from './sample.ts';

const folder = mkdtempSync(join(tmpdir(), 'wado-file-header-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

const WHOLE = buildDicomFile({ dataSet: SAMPLE, pixelData: Buffer.alloc(100) });
const refuse: UseHeader = () => {
  throw new DicomReadError('missing_required', 'PATIENT_ID');
};
const look: UseHeader = (header) => void header.identity();

/** The calls that a reading of the file takes behind its opening, what it threw, and the size that is known then. */
function readings(bytes: Uint8Array, use: UseHeader) {
  const path = join(folder, `${files++}.dcm`);
  writeFileSync(path, bytes);
  const outcome = (read: (file: FileHeader) => void) => {
    const file = new FileHeader();
    try {
      read(file);
      return { error: undefined, size: file.size };
    } catch (error) {
      return { error: String(error), size: file.size };
    }
  };
  const calls: string[] = [];
  const stepwise = outcome((file) => runSync(recorded(file.read(opened(path), use), calls), () => {}));
  const inPlace = outcome((file) => file.readNow(openSync(path, 'r'), () => {}, use));
  expect(inPlace).toEqual(stepwise);
  return { calls, ...stepwise };
}

// biome-ignore lint/correctness/useYield: a reading that needs no call
function* opened(path: string): Generator<FileCall, number, FileAnswer> {
  return openSync(path, 'r');
}

function* recorded(reading: Reading<void>, calls: string[]): Reading<void> {
  let step = reading.next();
  while (step.done !== true) {
    calls.push(step.value.call);
    step = reading.next(yield step.value);
  }
}

describe('the reading of a file', () => {
  it('takes a read and a close where the first window holds all that is wanted', () => {
    expect(readings(WHOLE, look)).toEqual({ calls: ['read', 'close'], error: undefined, size: NOT_KNOWN });
  });

  it('asks for the size of what is refused: it may still be being written', () => {
    const { calls, error, size } = readings(WHOLE, refuse);
    expect(error).toContain('missing_required:PATIENT_ID');
    expect([calls, size]).toEqual([['read', 'size', 'close'], WHOLE.length]);
  });

  it('asks for the size of what is no DICOM file, is cut, or ends with the last wanted attribute', () => {
    const [cut, noDicom] = [WHOLE.subarray(0, 400), Buffer.alloc(300)];
    expect(readings(cut, look)).toMatchObject({ error: expect.stringContaining('truncated'), size: 400 });
    expect(readings(noDicom, look)).toMatchObject({ error: expect.stringContaining('not_dicom'), size: 300 });
    const short = buildDicomFile({ dataSet: REQUIRED });
    expect(readings(short, look)).toMatchObject({ error: undefined, size: short.length });
    expect(readings(Buffer.alloc(0), look)).toMatchObject({ error: expect.stringContaining('not_dicom'), size: 0 });
  });

  it('closes the file once, whatever happens', () => {
    for (const [bytes, use] of [
      [WHOLE, look],
      [WHOLE, refuse],
      [WHOLE.subarray(0, 400), look],
    ] as const) {
      expect(readings(bytes, use).calls.filter((call) => call === 'close')).toHaveLength(1);
      const path = join(folder, `${files - 1}.dcm`);
      const descriptor = openSync(path, 'r');
      try {
        new FileHeader().readNow(descriptor, () => {}, use);
      } catch {}
      expect(() => closeSync(descriptor)).toThrow('EBADF');
    }
  });
});
