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
let answered: Promise<void>;

const reader: HeaderReader = {
  async read(files) {
    reads.push(...files.map(({ path }) => path));
    const failures = new Map([...missing].map((path) => [path, 'file_missing'] as const));
    return await createMemoryReader({ failures }).read(files);
  },
  async stillMissing(paths) {
    lookups.push(...paths);
    await answered;
    return paths.map((path) => missing.has(path));
  },
  close: async () => undefined,
};

function start(options: Partial<HeaderReader> = {}): void {
  driver = new TopologyTestDriver({ reader: { ...reader, ...options }, batchCount: 1, fileWaitMs: FILE_WAIT_MS });
  driver.pipe(storeMeta({ file_path: PATH }));
}

async function pass(milliseconds: number, step = 50): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += step) await driver.advance(step);
}

beforeEach(() => {
  missing = new Set([PATH]);
  reads = [];
  lookups = [];
  answered = Promise.resolve();
});

afterEach(() => driver.stop());

describe('a missing file', () => {
  it('is looked up with growing pauses, and read again only when its time is over', async () => {
    start();
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
    start();
    await pass(seconds * 1_000 + 100, 100);
    missing.clear();
    await pass(5_100);
    expect(reads).toEqual([PATH, PATH]);
    expect([driver.states.length, driver.committed(), driver.held]).toEqual([1, 1, 0]);
  });

  it('keeps waiting while it is looked up, and takes no place of records in flight', async () => {
    let answer = () => {};
    answered = new Promise((resolve) => {
      answer = resolve;
    });
    start();
    await pass(10_000, 250);
    expect([lookups.length, driver.held, driver.waiting]).toEqual([1, 1, 1]);
    missing.clear();
    answer();
    await pass(250);
    expect([driver.states.length, driver.held]).toEqual([1, 0]);
  });

  it('is dropped when its partition is revoked while it is looked up', async () => {
    let answer = () => {};
    answered = new Promise((resolve) => {
      answer = resolve;
    });
    start();
    missing.add(OTHER);
    driver.pipe(storeMeta({ file_path: OTHER }), { partition: 1 });
    await pass(500);
    driver.revoke(0);
    expect([driver.held, driver.waiting]).toEqual([1, 1]);
    answer();
    missing.clear();
    await pass(6_000, 250);
    expect(reads).toEqual([PATH, OTHER, OTHER]);
    expect([driver.held, driver.states.length]).toEqual([0, 1]);
  });

  it('is read again when a lookup can tell nothing, or fails', async () => {
    start({ stillMissing: async () => [false] });
    await pass(1_200, 250);
    expect(reads.length).toBeGreaterThan(3);
    await driver.stop();
    reads = [];
    start({ stillMissing: () => Promise.reject(new Error('the header reader is closed')) });
    await pass(1_200, 250);
    expect(reads.length).toBeGreaterThan(3);
  });
});

describe('a file that could be opened, but not read', () => {
  it('is read again at each attempt, because it is there', async () => {
    start({
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
