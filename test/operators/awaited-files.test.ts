import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DicomReadError } from '../../src/errors.ts';
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
/** What a lookup waits for. */

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
