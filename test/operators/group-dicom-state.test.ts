import { concat, ignoreElements, lastValueFrom, of, Subject, timer, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { DicomReadError, type DicomReadErrorCode } from '../../src/errors.ts';
import { groupDicomState } from '../../src/operators/group-dicom-state.ts';
import { parseRecord } from '../../src/operators/parse-records.ts';
import type { HeaderFailure, HeaderReader } from '../../src/ports.ts';
import type { ParsedRecord } from '../../src/records/records.ts';
import { consumedRecord } from '../../src/testing/consumed-record.ts';
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

describe('the clock of a batch', () => {
  const batch = (path: string): ParsedRecord[] => [
    parseRecord(consumedRecord(Buffer.from(JSON.stringify(storeMeta({ file_path: path }))))),
  ];

  it('starts when the batch is full or its period is over, not when a reader is free for it', async () => {
    let release: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow: HeaderReader = {
      read: async (files) => {
        await blocked;
        return await createMemoryReader().read(files);
      },
      close: async () => undefined,
    };
    const batches$ = new Subject<ParsedRecord[]>();
    const grouped = lastValueFrom(batches$.pipe(groupDicomState(slow, { concurrency: 1, fileWaitMs: 0 }), toArray()));
    for (const path of ['/s1/a/1', '/s1/a/2']) batches$.next(batch(path));
    batches$.complete();
    const closed = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    release();
    const times = (await grouped).map(({ closedAt }) => closedAt);
    expect(times).toHaveLength(2);
    for (const time of times) expect(time).toBeLessThanOrEqual(closed);
  });

  it('goes on for the records that leave it to wait for their files', async () => {
    const failures = new Map<string, DicomReadErrorCode>([['/s1/a/2', 'file_missing']]);
    const late: HeaderReader = {
      read: async (files) => {
        const headers = await createMemoryReader({ failures }).read(files);
        failures.clear();
        return headers;
      },
      close: async () => undefined,
    };
    const batches = await lastValueFrom(
      of([...batch('/s1/a/1'), ...batch('/s1/a/2')]).pipe(
        // The intake must not end before the file is there.
        (records$) => concat(records$, timer(400).pipe(ignoreElements())),
        groupDicomState(late, { concurrency: 1, fileWaitMs: 1_000 }),
        toArray(),
      ),
    );
    expect(batches.map(({ origins }) => origins.length)).toEqual([1, 1]);
    expect(new Set(batches.map(({ closedAt }) => closedAt)).size).toBe(1);
  });
});
