import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHeaderPool, type HeaderPool } from '../../src/dicom/files/pool.ts';
import type { FileToRead } from '../../src/records/records.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { SAMPLE } from './sample.ts';

let folder: string;
let pool: HeaderPool;
let lost: string[];

/** One thread, which hangs in a blocking call to open `hang/…`, and however `tape/…` is opened until `load()`. */
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'slow-file-')));
  lost = [];
  pool = createHeaderPool({
    storageRoots: [folder],
    workers: 1,
    readTimeoutMs: 60_000,
    leavesSlow: true,
    workerScript: join(import.meta.dirname, 'workers/faulty-worker.mjs'),
    onWorkerLost: (reason) => lost.push(reason),
  });
});

afterEach(async () => {
  // Opening a FIFO for reading and writing gives each blocked thread a writer.
  const fifos = readdirSync(folder).filter((name) => name.startsWith('fifo-'));
  const descriptors = fifos.map((name) => openSync(join(folder, name), constants.O_RDWR | constants.O_NONBLOCK));
  await pool.close();
  rmSync(folder, { recursive: true });
  for (const descriptor of descriptors) closeSync(descriptor);
});

function store(name: string, number: number): FileToRead {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, buildDicomFile({ dataSet: { ...SAMPLE, SOPInstanceUID: `1.2.3.${number}` } }));
  const version = { time: '2025-01-01T00:00:00.000000', traceId: 'a' };
  return { tenantId: 't', path, size: 1, patientId: 'P', studyDate: '2025-01-01', version };
}

const load = () => writeFileSync(join(folder, 'loaded'), '');

describe('a file that takes long', () => {
  it('blocks its thread for a second, and then no batch waits for it, or for the next one', async () => {
    const blocking = pool.read([store('hang/a', 1), store('b', 2)]);
    const next = pool.read([store('c', 3)]);
    const later = pool.read([store('hang/d', 4), store('e', 5)]);
    const found = await Promise.all([blocking, next, later]);
    expect(found.map(({ images, failures }) => [images.length, failures])).toEqual([
      [2, []],
      [1, []],
      [2, []],
    ]);
    // The second file would have blocked the next thread, too.
    expect([lost, pool.threads]).toEqual([['blocked'], 1]);
  }, 30_000);

  it('leaves its batch, and is read once more only if its first call has ended', async () => {
    const files = [store('a', 1), store('tape/b', 2), store('c', 3)];
    const { images, failures } = await pool.read(files);
    expect(images.map(({ index }) => index).sort()).toEqual([0, 2]);
    expect(failures).toMatchObject([{ index: 1, error: { code: 'read_timeout' }, unfinished: true }]);
    // Its first call is still running: no attempt waits for it.
    const again = () => pool.read(files.slice(1, 2));
    expect((await again()).failures).toMatchObject([{ index: 0, unfinished: true }]);
    load();
    await expect.poll(again, { timeout: 10_000 }).toMatchObject({ images: [{ index: 0 }], failures: [] });
    expect(lost).toEqual(['blocked']);
  }, 30_000);

  it('does not leave its batch when most files of the batch take long', async () => {
    const reading = pool.read([store('a', 1), store('tape/b', 2), store('tape/c', 3)]);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    load();
    expect((await reading).failures).toEqual([]);
  }, 30_000);
});
