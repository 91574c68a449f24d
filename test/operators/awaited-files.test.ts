import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DicomReadError, type DicomReadErrorCode } from '../../src/errors.ts';
import type { HeaderReader } from '../../src/ports.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';

const FILE_WAIT_MS = 60_000;
const PATH = '/s1/a/1';
const OTHER = '/s1/a/2';

let driver: TopologyTestDriver;
let missing: Set<string>;
let reads: string[];
let lookups: string[];
const reader: HeaderReader = {
  async read(files) {
    reads.push(...files.map(({ path }) => path));
    const failures = new Map([...missing].map((path) => [path, 'file_missing'] as const));
    return await createMemoryReader({ failures }).read(files);
  },
  async stillMissing(paths) {
    lookups.push(...paths);
    return paths.map((path) => missing.has(path));
  },
  close: async () => undefined,
};

async function start(options: Partial<HeaderReader> = {}): Promise<void> {
  driver = new TopologyTestDriver({ reader: { ...reader, ...options }, batchCount: 1, fileWaitMs: FILE_WAIT_MS });
  await driver.createInputTopic().pipeInput(storeMeta({ file_path: PATH }));
}

async function pass(milliseconds: number, step = 50): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += step) await driver.advanceTime(step);
}

beforeEach(() => {
  missing = new Set([PATH]);
  reads = [];
  lookups = [];
});

afterEach(() => driver.stop());

describe('a missing file', () => {
  it('is looked up with growing pauses, and read again only when its time is over', async () => {
    await start();
    await pass(FILE_WAIT_MS - 1_000, 250);
    expect(reads).toEqual([PATH]);
    expect(lookups).toHaveLength(16);
    expect(driver.deadLetters).toHaveLength(0);
    await pass(1_500, 250);
    expect(reads).toEqual([PATH, PATH]);
    expect(driver.deadLetters.map(({ error }) => error.message)).toEqual(['file_missing']);
    expect([driver.held, driver.waiting]).toEqual([0, 0]);
  });

  it.each([0, 1, 7, 30])('that appears after %i s is read within 5 s', async (seconds) => {
    await start();
    await pass(seconds * 1_000 + 100, 100);
    missing.clear();
    await pass(5_100);
    expect(reads).toEqual([PATH, PATH]);
    expect([driver.published('dicom_state_queue').length, driver.committed(), driver.held]).toEqual([1, 1, 0]);
  });

  it('keeps waiting while it is looked up, and takes no place of records in flight', async () => {
    await start();
    driver.hold('lookups');
    await pass(10_000, 250);
    expect([driver.held, driver.waiting]).toEqual([1, 1]);
    missing.clear();
    await driver.release('lookups');
    await pass(250);
    expect(lookups).toHaveLength(1);
    expect([driver.published('dicom_state_queue').length, driver.held]).toEqual([1, 0]);
  });

  it('is dropped when its partition is revoked while it is looked up', async () => {
    await start();
    driver.hold('lookups');
    missing.add(OTHER);
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: OTHER }), { partition: 1 });
    await pass(500);
    driver.revoke(0);
    expect([driver.held, driver.waiting]).toEqual([1, 1]);
    await driver.release('lookups');
    missing.clear();
    await pass(6_000, 250);
    expect(reads).toEqual([PATH, OTHER, OTHER]);
    expect([driver.held, driver.published('dicom_state_queue').length]).toEqual([0, 1]);
  });

  it('is read again when a lookup can tell nothing, or fails', async () => {
    await start({ stillMissing: async () => [false] });
    await pass(1_200, 250);
    expect(reads.length).toBeGreaterThan(3);
    await driver.stop();
    reads = [];
    await start({ stillMissing: () => Promise.reject(new Error('the header reader is closed')) });
    await pass(1_200, 250);
    expect(reads.length).toBeGreaterThan(3);
  });
});

describe('a storage root whose lookups get no answer', () => {
  it('delays no file of another root', async () => {
    await start({ rootOf: (path) => Number(path === OTHER) });
    driver.hold('lookups', 1);
    await pass(500);
    missing.add(OTHER);
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: OTHER }), { partition: 1 });
    await pass(2_000);
    missing.clear();
    await pass(5_100);
    expect(reads).toEqual([PATH, OTHER, OTHER]);
    expect([driver.published('dicom_state_queue').length, driver.held]).toEqual([1, 1]);
    await driver.release('lookups');
    await pass(250);
    expect(driver.held).toBe(0);
  });
});

describe('file_wait', () => {
  const SLOW_MS = 30_000;

  /** When the record is dead-lettered, in milliseconds, if each call of the node takes `callMs`. */
  async function deadLetteredAt(node: string, callMs = SLOW_MS): Promise<number> {
    while (driver.deadLetters.length === 0 && driver.now < 20 * FILE_WAIT_MS) {
      driver.hold(node);
      await pass(callMs, 250);
      await driver.release(node);
    }
    return driver.now;
  }

  /** Files that are there, and incomplete. */
  const readIncomplete =
    (code: DicomReadErrorCode): HeaderReader['read'] =>
    async (files) => {
      const error = new DicomReadError(code);
      return { states: [], images: [], failures: files.map((_, index) => ({ index, error })) };
    };

  it('includes the time that the lookups of a missing file take', async () => {
    await start();
    expect(await deadLetteredAt('lookups')).toBeLessThanOrEqual(FILE_WAIT_MS + SLOW_MS);
  });

  it('includes the time that a file waits for its lookup', async () => {
    await start();
    driver.hold('lookups', 1);
    await pass(1_000);
    // This file's lookup comes after that of the first one.
    missing.add(OTHER);
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: OTHER }), { partition: 1 });
    await pass(SLOW_MS);
    await driver.release('lookups');
    await pass(FILE_WAIT_MS - SLOW_MS - 1_000);
    expect(driver.deadLetters).toHaveLength(1);
    await pass(1_500);
    expect(driver.deadLetters).toHaveLength(2);
  });

  it('includes the time that the reads of an incomplete file take', async () => {
    await start({ read: readIncomplete('truncated') });
    expect(await deadLetteredAt('reader')).toBeLessThanOrEqual(FILE_WAIT_MS + SLOW_MS);
  });

  it('includes the time that a record waits for room in flight, and ends with a read', async () => {
    const read = readIncomplete('truncated');
    driver = new TopologyTestDriver({
      reader: { ...reader, read: (files) => (files[0]?.path === PATH ? read(files) : reader.read(files)) },
      batchCount: 1,
      checkpointLimit: 2,
      fileWaitMs: FILE_WAIT_MS,
    });
    const input = driver.createInputTopic();
    driver.hold('memory');
    await input.pipeInput(storeMeta({ file_path: PATH }));
    for (const name of [3, 4]) await input.pipeInput(storeMeta({ file_path: `/s1/a/${name}` }));
    await pass(10 * FILE_WAIT_MS, 5_000);
    expect(driver.deadLetters).toHaveLength(0);
    await driver.release('memory');
    await pass(100);
    expect(driver.deadLetters.map(({ error }) => error.message)).toEqual(['truncated']);
  });

  it.each(['lookups', 'reads'])('does not include the time of %s that the storage did not answer', async (calls) => {
    const reads = calls === 'reads' ? { read: readIncomplete('read_timeout') } : {};
    await start({ stillMissing: async (paths) => paths.map(() => undefined), ...reads });
    expect(await deadLetteredAt(calls === 'reads' ? 'reader' : 'lookups', 10_000)).toBeGreaterThan(2 * FILE_WAIT_MS);
  });

  it('ends with a read that begins after it, also when the last lookup was early', async () => {
    await start();
    await pass(50_000);
    driver.hold('lookups');
    await pass(20_000);
    missing.clear();
    await driver.release('lookups');
    await pass(100);
    expect([driver.published('dicom_state_queue').length, driver.deadLetters.length]).toEqual([1, 0]);
  });
});

describe('a file that could be opened, but not read', () => {
  it('is read again at each attempt, because it is there', async () => {
    await start({
      read: async (files) => {
        reads.push(...files.map(({ path }) => path));
        const error = new DicomReadError('truncated');
        return { states: [], images: [], failures: files.map((_, index) => ({ index, error, incomplete: true })) };
      },
    });
    await pass(3_000, 250);
    expect(reads.length).toBeGreaterThan(4);
    expect(lookups).toEqual([]);
  });
});
