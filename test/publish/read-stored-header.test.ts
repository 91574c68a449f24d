import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { storedHeaderReader } from '../../src/publish/read-stored-header.ts';
import { buildDicomFile, type ElementValue } from '../../src/samples/dicom-file.ts';
import { SAMPLE } from '../dicom/sample.ts';

const folder = mkdtempSync(join(tmpdir(), 'stored-header-'));
const read = storedHeaderReader();

afterAll(() => rmSync(folder, { recursive: true }));

async function framesOf(more: Readonly<Record<string, ElementValue>>): Promise<number | string> {
  const path = join(folder, 'a.dcm');
  writeFileSync(path, buildDicomFile({ dataSet: { ...SAMPLE, ...more } }));
  const outcome = await read(path);
  return outcome.ok ? outcome.header.numberOfFrames : outcome.error;
}

describe('a record for a stored file', () => {
  it('has the number of frames of the header', async () => {
    expect(await framesOf({ NumberOfFrames: '120' })).toBe(120);
    expect(await framesOf({ NumberOfFrames: ' 12 ' })).toBe(12);
    expect(await framesOf({ NumberOfFrames: { vr: 'US', value: 3 } })).toBe(3);
  });

  it('has one frame when the header has no valid number of frames', async () => {
    expect(await framesOf({})).toBe(1);
    for (const nonsense of ['', 'many', '0', '-4', '99999999999'])
      expect(await framesOf({ NumberOfFrames: nonsense })).toBe(1);
  });
});
