import { afterEach, describe, expect, it } from 'vitest';
import { DicomReadError } from '../../src/errors.ts';
import type { HeaderFailure, HeaderReader } from '../../src/ports.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';

const FILE_WAIT_MS = 60_000;
let driver: TopologyTestDriver;
let failure: Omit<HeaderFailure, 'index'> | undefined;
let looks: number;

/** Every file fails with `failure`, or is read where there is none. */
const reader: HeaderReader = {
  read: async (files) => {
    looks++;
    if (failure === undefined) return await createMemoryReader().read(files);
    const given = failure;
    return { states: [], images: [], failures: files.map((_, index) => ({ index, ...given })) };
  },
  close: async () => undefined,
};

function start(first: Omit<HeaderFailure, 'index'>): void {
  failure = first;
  looks = 0;
  driver = new TopologyTestDriver({ reader, batchCount: 1, fileWaitMs: FILE_WAIT_MS });
  driver.pipe(storeMeta());
}

/** Reading goes on between two moves of the clock, so that it has to be moved in steps. */
async function pass(milliseconds: number, step = 250): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += step) await driver.advance(step);
}

afterEach(() => driver.stop());

describe('a file that is shorter than announced', () => {
  it('is waited for whatever is wrong with it, and stored once it is whole', async () => {
    start({ error: new DicomReadError('not_dicom'), incomplete: true });
    await pass(30_000);
    expect(driver.deadLetters).toHaveLength(0);
    failure = undefined;
    await pass(5_000);
    expect(driver.states).toHaveLength(1);
    expect(driver.deadLetters).toHaveLength(0);
  });

  it('becomes a dead letter when the wait is over, and at once if it is as long as announced', async () => {
    start({ error: new DicomReadError('not_dicom'), incomplete: true });
    await pass(FILE_WAIT_MS);
    expect(driver.deadLetters.map(({ error }) => error.message)).toEqual(['not_dicom']);
    await driver.stop();
    start({ error: new DicomReadError('not_dicom') });
    await driver.settle();
    expect(driver.deadLetters).toHaveLength(1);
  });
});

describe('a file that nobody could look at, since the storage hangs', () => {
  const UNTRIED = { error: new DicomReadError('read_timeout'), notAttempted: true };

  it('is tried again for as long as that lasts, and never becomes a dead letter', async () => {
    start(UNTRIED);
    await pass(50 * FILE_WAIT_MS, 5_000);
    expect(driver.deadLetters).toHaveLength(0);
    expect(driver.states).toHaveLength(0);
    // Every five seconds.
    expect(looks).toBeGreaterThan(500);
    expect(looks).toBeLessThan(700);
    failure = undefined;
    await pass(5_000);
    expect(driver.states).toHaveLength(1);
  });

  it('still has its whole wait before it when the storage is back and the file isn’t there', async () => {
    start(UNTRIED);
    await pass(2 * FILE_WAIT_MS);
    failure = { error: new DicomReadError('file_missing') };
    await pass(FILE_WAIT_MS - 5_000);
    expect(driver.deadLetters).toHaveLength(0);
    await pass(10_000);
    expect(driver.deadLetters).toHaveLength(1);
  });

  it('is no dead letter either when its wait ends while the storage hangs', async () => {
    start({ error: new DicomReadError('file_missing') });
    // Between the last look but one and the last.
    await pass(FILE_WAIT_MS - 1_000);
    failure = UNTRIED;
    await pass(2 * FILE_WAIT_MS);
    expect(driver.deadLetters).toHaveLength(0);
    failure = undefined;
    await pass(5_000);
    expect(driver.states).toHaveLength(1);
  });
});
