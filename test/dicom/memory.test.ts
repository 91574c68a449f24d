import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { createHeaderPool } from '../../src/dicom/files/pool.ts';
import { readHeaderFile } from '../../src/dicom/files/read-header.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { SAMPLE } from './sample.ts';

setFlagsFromString('--expose_gc');
const collectGarbage: () => void = runInNewContext('gc');

const WINDOW = 8 << 10;
const FILES = 2_000;

/** Bytes of heap that each result retains, averaged over many. */
async function retained(read: () => Promise<readonly unknown[]>): Promise<number> {
  await read();
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const kept = await read();
  collectGarbage();
  const bytes = (process.memoryUsage().heapUsed - before) / FILES;
  expect(kept).toHaveLength(FILES);
  return bytes;
}

it('retains the values of a header without the buffer that they were read from', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'header-memory-'));
  const pool = createHeaderPool({ storageRoots: [folder], workers: 1, readTimeoutMs: 30_000 });
  try {
    const path = join(folder, 'a.dcm');
    writeFileSync(path, buildDicomFile({ dataSet: SAMPLE, pixelData: Buffer.alloc(20_000) }));
    const version = { time: '2025-01-01T00:00:00.000000', traceId: 'a' };
    const files = Array.from({ length: FILES }, (_, tenant) => ({
      tenantId: `tenant${tenant}`,
      path,
      size: 1,
      patientId: 'P',
      studyDate: '2025-01-01',
      version,
    }));
    // Two rows of about a kilobyte each, with their keys.
    expect(await retained(async () => (await pool.read(files)).images)).toBeLessThan(WINDOW / 2);
    expect(await retained(async () => files.map(() => readHeaderFile(path, 'tenant1')))).toBeLessThan(WINDOW);
  } finally {
    await pool.close();
    rmSync(folder, { recursive: true });
  }
}, 60_000);
