import { hash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHeaderPool, type HeaderPool, type HeaderPoolOptions } from '../../src/dicom/files/pool.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../src/records/output-fields.ts';
import type { FileToRead } from '../../src/records/records.ts';
import { buildDicomFile, type ElementValue } from '../../src/samples/dicom-file.ts';
import { REQUIRED, SAMPLE } from './sample.ts';

const faultyWorker = join(import.meta.dirname, 'workers/faulty-worker.mjs');
let folder: string;
let pool: HeaderPool;
let lost: string[];

beforeEach(() => {
  // The pool runs the built worker; `npm test` builds it, and so does scripts/setup.mjs --build.
  expect(existsSync(createRequire(import.meta.url).resolve('#dicom-worker'))).toBe(true);
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'header-pool-')));
  lost = [];
});

afterEach(async () => {
  const descriptors = unblockThreads();
  await pool.close();
  rmSync(folder, { recursive: true });
  for (const descriptor of descriptors) closeSync(descriptor);
});

/** Unblocks the stuck threads: opening a FIFO for reading and writing gives each reader a writer. */
function unblockThreads(): number[] {
  const fifos = readdirSync(folder).filter((name) => name.startsWith('fifo-'));
  return fifos.map((name) => openSync(join(folder, name), constants.O_RDWR | constants.O_NONBLOCK));
}

function start(options: Partial<HeaderPoolOptions> = {}): void {
  pool = createHeaderPool({
    storageRoots: [folder],
    workers: 2,
    readTimeoutMs: 5_000,
    onWorkerLost: (reason) => lost.push(reason),
    ...options,
  });
}

function store(name: string, dataSet: Readonly<Record<string, ElementValue>> = SAMPLE): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, buildDicomFile({ dataSet }));
  return path;
}

function file(path: string, seconds = 0, traceId = 'a', tenantId = 'tenant1'): FileToRead {
  const time = `2025-01-01T00:00:${String(seconds).padStart(2, '0')}.000000`;
  return { tenantId, path, size: 1234, patientId: 'MESSAGE-1', studyDate: '2025-01-01', version: { time, traceId } };
}

const instance = (number: number) => ({ ...SAMPLE, SOPInstanceUID: `1.2.3.${number}`, InstanceNumber: String(number) });

describe('the number of threads', () => {
  const batches = (count: number) =>
    Array.from({ length: count }, (_, number) => [file(store(`${number}.dcm`, instance(number)), number)]);
  const sops = (found: Awaited<ReturnType<HeaderPool['read']>>[]) =>
    found.map(({ images }) => JSON.parse(String(images[0]?.json)).sop_uid);

  it('stays at one while one thread keeps up, however many batches arrive at once', async () => {
    start({ workers: 4 });
    const found = await Promise.all(batches(60).map((batch) => pool.read(batch)));
    expect(sops(found)).toEqual(found.map((_, number) => `1.2.3.${number}`));
    expect(pool.threads).toBe(1);
  });

  it('grows while batches keep waiting, up to the configured maximum', { timeout: 30_000 }, async () => {
    start({ workers: 3, growth: { afterMs: 0, watchProcessors: () => () => 0.5 } });
    for (let round = 0; round < 10 && pool.threads < 3; round++) {
      const found = await Promise.all(batches(60).map((batch) => pool.read(batch)));
      expect(sops(found)).toEqual(found.map((_, number) => `1.2.3.${number}`));
    }
    expect(pool.threads).toBe(3);
  });

  /** Keeps batches waiting on a machine without an idle CPU, until a second thread has been started or the time is over. */
  async function load(kind: string, forMs: number, options: Partial<HeaderPoolOptions>): Promise<void> {
    const growth = { afterMs: 200, watchProcessors: () => () => 0 };
    start({ workers: 2, growth, workerScript: faultyWorker, readTimeoutMs: 60_000, ...options });
    const files = [1, 2, 3].map((number) => file(store(`${kind}-${number}.dcm`, instance(number)), number));
    await pool.read(files);
    const end = performance.now() + forMs;
    const reading = async () => {
      while (pool.threads < 2 && performance.now() < end) await pool.read(files);
    };
    // More than one thread takes at the same time.
    await Promise.all(Array.from({ length: 40 }, reading));
  }

  it('grows on slow storage even while all CPUs are busy, as the threads only wait', async () => {
    await load('slow', 30_000, { readsInFlight: 8 });
    expect(pool.threads).toBe(2);
  }, 60_000);

  it('does not grow on fast storage while all CPUs are busy', async () => {
    // Without concurrent reads, so that the storage of a busy machine can't count as slow.
    await load('fast', 1_000, { concurrentReads: false });
    expect(pool.threads).toBe(1);
  }, 60_000);
});

describe('a batch', () => {
  it('becomes one state per series and one image per instance, with keys, identities and JSON', async () => {
    start();
    const files = [1, 2, 3].map((number) => file(store(`${number}.dcm`, instance(number)), number));
    const { states, images, failures } = await pool.read(files);
    expect(failures).toEqual([]);
    expect(states.map(({ index }) => index)).toEqual([2]);
    expect(images.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
    const [state] = states;
    const uids = `${SAMPLE.StudyInstanceUID}_${SAMPLE.SeriesInstanceUID}`;
    expect(state?.identity).toBe(`tenant1\0${uids.replace('_', '\0')}`);
    expect(state?.key).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.parse(String(state?.json))).toMatchObject({
      tenant_id: 'tenant1',
      patient_id: 'PID-1',
      study_date: '2024-02-29',
    });
    expect(Object.keys(JSON.parse(String(state?.json)))).toEqual(STATE_META_FIELDS);
    expect(Object.keys(JSON.parse(String(images[0]?.json)))).toEqual(IMAGE_META_FIELDS);
    expect(JSON.parse(String(images[0]?.json))).toMatchObject({ space_size: 1234, image_status: 'ACTIVE', width: 512 });
  });

  it('is reduced by the greatest time, then the greatest trace id, whatever the order', async () => {
    start();
    const path = store('a.dcm');
    const files = [file(path, 5, 'b'), file(path, 9, 'a'), file(path, 9, 'c'), file(path, 9, 'b'), file(path, 1, 'z')];
    expect((await pool.read(files)).images.map(({ index }) => index)).toEqual([2]);
    expect((await pool.read(files.toReversed())).states.map(({ index }) => index)).toEqual([2]);
  });

  it('keeps tenants apart, and chooses the winner among the readable files', async () => {
    start();
    const good = store('a.dcm');
    const bad = store('b.dcm', { ...REQUIRED, StudyInstanceUID: '' });
    const { states, failures } = await pool.read([file(good, 1), file(good, 1, 'a', 'tenant2'), file(bad, 9)]);
    expect(states.map(({ index }) => index).sort()).toEqual([0, 1]);
    expect(failures).toMatchObject([{ index: 2, error: { code: 'empty_required', attribute: 'STUDY_INSTANCE_UID' } }]);
  });

  it('reports the fault of each file', async () => {
    start();
    const files = [file('/etc/passwd'), file(join(folder, 'missing.dcm')), file(folder), file(store('good.dcm'))];
    const { states, failures } = await pool.read(files);
    expect(states).toHaveLength(1);
    expect(failures.map(({ error }) => error.message).sort()).toEqual([
      'file_missing',
      'outside_storage_roots',
      'outside_storage_roots',
    ]);
  });

  it('reports which invalid files are shorter than announced, as they may still be being written', async () => {
    start();
    const whole = buildDicomFile({ dataSet: SAMPLE });
    // Nothing yet; inside the preamble; inside `DICM`; inside the file meta group; inside the data set; no DICOM at all.
    const beginnings = [0, 100, 130, 180, whole.length - 6].map((length) => whole.subarray(0, length));
    const contents = [...beginnings, Buffer.alloc(500)];
    const paths = contents.map((bytes, number) => {
      writeFileSync(join(folder, `${number}`), bytes);
      return join(folder, `${number}`);
    });
    const read = async (size: (at: number) => number) => {
      const { failures } = await pool.read(paths.map((path, at) => ({ ...file(path), size: size(at) })));
      return failures.toSorted((a, b) => a.index - b.index);
    };
    const unfinished = await read(() => whole.length);
    expect(unfinished.map(({ incomplete }) => incomplete)).toEqual(contents.map(() => true));
    const complete = await read((at) => contents[at]?.length ?? 0);
    expect(complete.map(({ incomplete }) => incomplete)).toEqual(contents.map(() => false));
    expect([0, 1, 2, 5].map((at) => complete[at]?.error.code)).toEqual(new Array(4).fill('not_dicom'));
  });

  it('takes PatientID and StudyDate of rows and keys from the message where the file has none', async () => {
    start();
    const { PatientID: _, StudyDate: __, ...anonymous } = SAMPLE;
    const files = [file(store('a.dcm', anonymous)), file(store('b.dcm', SAMPLE), 0, 'a', 'tenant2')];
    const { states, images } = await pool.read(files);
    const [state, other] = states.toSorted((a, b) => a.index - b.index);
    const image = images.find(({ index }) => index === 0);
    const uids = `${SAMPLE.StudyInstanceUID}_${SAMPLE.SeriesInstanceUID}`;
    expect(JSON.parse(String(state?.json))).toMatchObject({
      patient_id: 'MESSAGE-1',
      study_date: '2025-01-01',
      study_date_origin: '20250101',
    });
    expect(JSON.parse(String(image?.json))).toMatchObject({ patient_id: 'MESSAGE-1' });
    expect(state?.key).toBe(hash('md5', `tenant1_MESSAGE-1_${uids}`));
    expect(image?.key).toBe(hash('md5', `tenant1_MESSAGE-1_${uids}_${SAMPLE.SOPInstanceUID}`));
    expect(JSON.parse(String(other?.json))).toMatchObject({ patient_id: 'PID-1', study_date: '2024-02-29' });
  });

  it('fails at files without PatientID or StudyDate with missing_identity: dead_letter', async () => {
    start({ missingIdentity: 'dead_letter' });
    const { PatientID: _, ...noPatient } = SAMPLE;
    const { failures } = await pool.read([
      file(store('a.dcm', noPatient)),
      file(store('b.dcm', { ...SAMPLE, StudyDate: '' })),
      file(store('c.dcm', { ...SAMPLE, StudyDate: '***' })),
      file(store('d.dcm')),
    ]);
    expect(failures.map(({ index, error }) => [index, error.message]).sort()).toEqual([
      [0, 'missing_required:PATIENT_ID'],
      [1, 'empty_required:STUDY_DATE'],
      [2, 'invalid_date:STUDY_DATE'],
    ]);
  });

  it('may be empty, and many batches may be read at once', async () => {
    start();
    expect(await pool.read([])).toEqual({ states: [], images: [], failures: [] });
    const paths = Array.from({ length: 20 }, (_, number) => store(`${number % 4}/${number}.dcm`, instance(number)));
    const batches = await Promise.all(Array.from({ length: 30 }, () => pool.read(paths.map((path) => file(path)))));
    for (const { images } of batches) expect(images).toHaveLength(20);
  });
});

describe('a worker', () => {
  it('that is blocked once costs its batch one retry and nothing else', async () => {
    start({ workerScript: faultyWorker, readTimeoutMs: 300 });
    const { images, failures } = await pool.read([
      file(store('a.dcm', instance(1))),
      file(store('hiccup/b.dcm', instance(2))),
    ]);
    expect(failures).toEqual([]);
    expect(images).toHaveLength(2);
    expect(lost).toEqual(['read_timeout']);
    expect(pool.stuckWorkers).toBe(1);
  });

  it('that is blocked does not delay batches that wait for a thread, because another one is started', async () => {
    const growth = { afterMs: 100, watchProcessors: () => () => 0 };
    start({ workerScript: faultyWorker, workers: 2, readTimeoutMs: 5_000, growth });
    let hangs = true;
    const hanging = pool.read([file(store('hang/a.dcm', instance(1)))]).finally(() => {
      hangs = false;
    });
    hanging.catch(() => undefined);
    // The second batch in the blocked worker's queue is returned with it; the later ones were never sent to a worker.
    void pool.read([file(store('b.dcm', instance(2)))]).catch(() => undefined);
    const { images } = await pool.read([file(store('c.dcm', instance(3)))]);
    expect([images.length, hangs, pool.threads]).toEqual([1, true, 2]);
  }, 20_000);

  it('that is blocked by the same file repeatedly fails only that file', async () => {
    start({ workerScript: faultyWorker, readTimeoutMs: 300 });
    const paths = [store('a.dcm', instance(1)), store('hang/b.dcm', instance(2)), store('c.dcm', instance(3))];
    const { images, failures } = await pool.read(paths.map((path, at) => file(path, at)));
    expect(images.map(({ index }) => index).sort()).toEqual([0, 2]);
    expect(failures).toMatchObject([{ index: 1, error: { code: 'read_timeout' } }]);
    expect(lost).toEqual(['read_timeout', 'read_timeout']);
  });

  it('that dies at one file fails only that file, and no other batch', async () => {
    start({ workerScript: faultyWorker, workers: 1 });
    const good = [file(store('a.dcm', instance(1)))];
    const [bad, ...others] = await Promise.all([
      pool.read([file(store('die/b.dcm', instance(2)), 1), file(store('c.dcm', instance(3)))]),
      pool.read(good),
      pool.read(good),
    ]);
    expect(bad?.images.map(({ index }) => index)).toEqual([1]);
    expect(bad?.failures).toMatchObject([{ index: 0, error: { code: 'read_failed' } }]);
    for (const { images, failures } of others) expect([images.length, failures.length]).toEqual([1, 0]);
    expect(lost).toEqual(['died', 'died']);
  });

  it('that dies while it reads several batches on slow storage fails only the file that is the cause', async () => {
    start({ workerScript: faultyWorker, workers: 1 });
    const slow = (number: number) => file(store(`slow-${number}.dcm`, instance(number)));
    // Lets the thread find out that the storage is slow.
    await pool.read(Array.from({ length: 8 }, (_, number) => slow(number)));
    const batches = Array.from({ length: 10 }, (_, batch) => [slow(100 + batch), slow(200 + batch)]);
    batches[5]?.push(file(store('slow-die.dcm', instance(999))));
    const found = await Promise.all(batches.map((batch) => pool.read(batch)));
    expect(found.map(({ images }) => images.length)).toEqual(batches.map(() => 2));
    expect(found.flatMap(({ failures }) => failures)).toMatchObject([{ index: 2, error: { code: 'read_failed' } }]);
    expect(lost).toEqual(['died', 'died']);
  });

  it('that throws an unexpected error rejects its batch without quoting a value', async () => {
    start({ workerScript: faultyWorker });
    const error = await pool.read([file(store('bug/a.dcm'))]).catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toContain('TypeError');
    expect(String(error)).not.toContain('must not be told');
    expect((await pool.read([file(store('a.dcm'))])).images).toHaveLength(1);
  });

  it('that cannot start rejects the waiting batches', async () => {
    start({ workerScript: join(folder, 'no-such-script.mjs') });
    await expect(pool.read([file(store('a.dcm'))])).rejects.toThrow('does not start');
  });
});

describe('a lookup of awaited files', () => {
  it('tells which are missing, while batches are read', async () => {
    start();
    const there = store('a.dcm', instance(1));
    const reading = pool.read([file(there)]);
    expect(await pool.stillMissing([join(folder, 'b.dcm'), there, join(folder, 'c/d.dcm')])).toEqual([
      true,
      false,
      true,
    ]);
    expect(await pool.stillMissing([])).toEqual([]);
    expect([pool.rootOf(there), pool.rootOf('/elsewhere/a.dcm')]).toEqual([0, undefined]);
    expect((await reading).images).toHaveLength(1);
  });

  it('ends when the storage does not answer, and tells nothing then', async () => {
    start({ workerScript: faultyWorker, readTimeoutMs: 300 });
    expect(await pool.stillMissing([join(folder, 'b.dcm'), join(folder, 'hang/a.dcm')])).toEqual([
      undefined,
      undefined,
    ]);
    expect((await pool.read([file(store('a.dcm'))])).images).toHaveLength(1);
  }, 20_000);

  it('that blocks its thread fails no file of a batch, and later ones block none', async () => {
    start({ workerScript: faultyWorker, workers: 1, readTimeoutMs: 300 });
    const files = [file(store('hiccup.dcm', instance(1))), file(store('a.dcm', instance(2)))];
    const hanging = pool.stillMissing([join(folder, 'hang/a.dcm')]);
    const reading = pool.read(files);
    expect(await hanging).toEqual([undefined]);
    // The file blocks the next thread once, which is its batch's first loss.
    const { images, failures } = await reading;
    expect([images.length, failures]).toEqual([2, []]);
    expect(lost).toEqual(['read_timeout', 'read_timeout']);
    expect(await pool.stillMissing([join(folder, 'hang/a.dcm')])).toEqual([true]);
    expect(pool.stuckWorkers).toBe(2);
  }, 20_000);

  it('tells nothing when its thread dies or the pool is closed', async () => {
    start({ workerScript: faultyWorker, workers: 1, readTimeoutMs: 60_000 });
    expect(await pool.stillMissing([join(folder, 'b.dcm'), join(folder, 'die/a.dcm')])).toEqual([undefined, undefined]);
    expect(lost).toEqual(['died']);
    const hanging = pool.stillMissing([join(folder, 'hang/a.dcm')]);
    await pool.close();
    expect(await hanging).toEqual([undefined]);
    expect(await pool.stillMissing([join(folder, 'b.dcm')])).toEqual([undefined]);
  });
});

describe('storage that never answers', () => {
  it('blocks a bounded number of threads, and every read still ends', async () => {
    start({ workerScript: faultyWorker, readTimeoutMs: 300 });
    const paths = Array.from({ length: 12 }, (_, number) => store(`hang/${number}.dcm`, instance(number)));
    const { failures } = await pool.read(paths.map((path) => file(path)));
    expect(failures.map(({ index }) => index).sort((a, b) => a - b)).toEqual(paths.map((_, index) => index));
    for (const { error } of failures) expect(error.code).toBe('read_timeout');
    // Files that blocked a worker may be at fault; the others were not attempted.
    const notAttempted = failures.filter((failure) => failure.notAttempted === true);
    expect(notAttempted.length).toBeGreaterThanOrEqual(3);
    expect(notAttempted.length).toBeLessThan(paths.length);
    expect((await pool.read([file(store('a.dcm'))])).failures).toMatchObject([{ index: 0, notAttempted: true }]);
    // The limit of eight, plus the second worker that was blocked at that moment.
    expect(pool.stuckWorkers).toBeLessThanOrEqual(9);
    // The threads end as soon as the storage answers.
    const descriptors = unblockThreads();
    await expect.poll(() => pool.stuckWorkers, { timeout: 10_000 }).toBe(0);
    for (const descriptor of descriptors) closeSync(descriptor);
    expect((await pool.read([file(store('a.dcm'))])).images).toHaveLength(1);
  }, 40_000);

  it('does not delay close', async () => {
    start({ workerScript: faultyWorker, readTimeoutMs: 60_000 });
    const reading = pool.read([file(store('hang/a.dcm'))]).catch((error: Error) => error);
    await expect
      .poll(() => readdirSync(folder).some((name) => name.startsWith('fifo-')), { timeout: 10_000 })
      .toBe(true);
    const began = performance.now();
    await pool.close();
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(await reading).toBeInstanceOf(Error);
    await expect(pool.read([])).rejects.toThrow('closed');
  }, 20_000);
});
