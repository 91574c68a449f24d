import { concat, ignoreElements, lastValueFrom, of, Subject, timer, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { DicomReadError, type DicomReadErrorCode, SinkError } from '../../src/errors.ts';
import { groupDicomState } from '../../src/operators/group-dicom-state.ts';
import { parseRecord } from '../../src/operators/parse-records.ts';
import type { HeaderFailure, HeaderReader, Sink, WaitingRecords } from '../../src/ports.ts';
import type { ParsedRecord } from '../../src/records/records.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { consumedRecord, neverRevoked } from '../../src/testing/consumed-record.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';

const FILE_WAIT_MS = 60_000;
let driver: TopologyTestDriver;
let failure: Omit<HeaderFailure, 'index'> | undefined;
let attempts: number;

/** Fails every file with `failure`; reads it when there is none. */
const reader: HeaderReader = {
  read: async (files) => {
    attempts++;
    if (failure === undefined) return await createMemoryReader().read(files);
    const given = failure;
    return { states: [], images: [], failures: files.map((_, index) => ({ index, ...given })) };
  },
  close: async () => undefined,
};

async function start(first: Omit<HeaderFailure, 'index'>): Promise<void> {
  failure = first;
  attempts = 0;
  driver = new TopologyTestDriver({ reader, batchCount: 1, fileWaitMs: FILE_WAIT_MS });
  await driver.createInputTopic().pipeInput(storeMeta());
}

/** Moves the clock in steps, because reading continues between two steps. */
async function pass(milliseconds: number, step = 250): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += step) await driver.advanceTime(step);
}

afterEach(() => driver.stop());

describe('a file that is shorter than announced', () => {
  it('is retried whatever its fault is, and stored once it is complete', async () => {
    await start({ error: new DicomReadError('not_dicom'), incomplete: true });
    await pass(30_000);
    expect(driver.deadLetters).toHaveLength(0);
    failure = undefined;
    await pass(5_000);
    expect(driver.published('dicom_state_queue')).toHaveLength(1);
    expect(driver.deadLetters).toHaveLength(0);
  });

  it('is dead-lettered after file_wait, and at once if it is as long as announced', async () => {
    await start({ error: new DicomReadError('not_dicom'), incomplete: true });
    await pass(FILE_WAIT_MS);
    expect(driver.deadLetters.map(({ error }) => error.message)).toEqual(['not_dicom']);
    await driver.stop();
    await start({ error: new DicomReadError('not_dicom') });
    await driver.idle();
    expect(driver.deadLetters).toHaveLength(1);
  });
});

describe('a file that could not be attempted because the storage does not answer', () => {
  const NOT_ATTEMPTED = { error: new DicomReadError('read_timeout'), notAttempted: true };

  it('is retried until the storage answers, and never dead-lettered', async () => {
    await start(NOT_ATTEMPTED);
    await pass(50 * FILE_WAIT_MS, 5_000);
    expect(driver.deadLetters).toHaveLength(0);
    expect(driver.published('dicom_state_queue')).toHaveLength(0);
    // One attempt every five seconds.
    expect(attempts).toBeGreaterThan(500);
    expect(attempts).toBeLessThan(700);
    failure = undefined;
    await pass(5_000);
    expect(driver.published('dicom_state_queue')).toHaveLength(1);
  });

  it('is dropped when its partition is revoked, because the next owner reads it, and not before', async () => {
    await start(NOT_ATTEMPTED);
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: '/s1/a/2' }), { partition: 1 });
    driver.revoke(0);
    await pass(FILE_WAIT_MS, 5_000);
    failure = undefined;
    await pass(5_000);
    expect(driver.acknowledgedBatches.map(({ records }) => records)).toEqual([1]);
  });

  it('is not held when its partition is revoked, however often the partition is revoked and assigned again', async () => {
    await start(NOT_ATTEMPTED);
    await driver.idle();
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: '/s1/a/2' }), { partition: 1 });
    await driver.idle();
    for (let i = 0; i < 5; i++) {
      expect([driver.held, driver.waiting]).toEqual([2, 2]);
      driver.revoke(0);
      expect([driver.held, driver.waiting]).toEqual([1, 1]);
      await driver.createInputTopic().pipeInput(storeMeta());
      await driver.idle();
    }
    const before = attempts;
    driver.revoke(0);
    driver.revoke(1);
    await pass(FILE_WAIT_MS, 5_000);
    expect([attempts - before, driver.held, driver.deadLetters.length]).toEqual([0, 0, 0]);
  });

  it('is not held when its partition is revoked while it is read', async () => {
    await start(NOT_ATTEMPTED);
    driver.revoke(0);
    await driver.idle();
    expect([driver.held, driver.waiting]).toEqual([0, 0]);
    await pass(FILE_WAIT_MS, 5_000);
    expect(attempts).toBe(1);
  });

  it('gets its full file_wait when the storage answers and the file is missing', async () => {
    await start(NOT_ATTEMPTED);
    await pass(2 * FILE_WAIT_MS);
    failure = { error: new DicomReadError('file_missing') };
    await pass(FILE_WAIT_MS - 5_000);
    expect(driver.deadLetters).toHaveLength(0);
    await pass(10_000);
    expect(driver.deadLetters).toHaveLength(1);
  });

  it('is not dead-lettered either when its file_wait ends while the storage does not answer', async () => {
    await start({ error: new DicomReadError('file_missing') });
    // Between the last attempt but one and the last.
    await pass(FILE_WAIT_MS - 1_000);
    failure = NOT_ATTEMPTED;
    await pass(2 * FILE_WAIT_MS);
    expect(driver.deadLetters).toHaveLength(0);
    failure = undefined;
    await pass(5_000);
    expect(driver.published('dicom_state_queue')).toHaveLength(1);
  });
});

describe('a file that takes so long that its batch was ended without it', () => {
  it('is tried again soon, whatever file_wait says, because it is still being read', async () => {
    await start({ error: new DicomReadError('read_timeout'), unfinished: true });
    await pass(2 * FILE_WAIT_MS);
    expect([driver.deadLetters.length, driver.waiting]).toEqual([0, 1]);
    failure = undefined;
    await pass(250);
    expect(driver.published('dicom_state_queue')).toHaveLength(1);
  });

  it('is dead-lettered when it can not be read within read_timeout, after file_wait', async () => {
    await start({ error: new DicomReadError('read_timeout'), unfinished: true });
    failure = { error: new DicomReadError('read_timeout') };
    await pass(FILE_WAIT_MS + 5_000);
    expect(driver.deadLetters.map(({ error }) => error.message)).toEqual(['read_timeout']);
  });
});

describe('a batch whose files lie on two storages', () => {
  it('dead-letters a file that stays missing on one while the other does not answer', async () => {
    const lost: HeaderReader = {
      read: async (files) => ({
        states: [],
        images: [],
        failures: files.map(({ path }, index) =>
          path.startsWith('/lost/')
            ? { index, error: new DicomReadError('read_timeout'), notAttempted: true }
            : { index, error: new DicomReadError('file_missing') },
        ),
      }),
      close: async () => undefined,
    };
    driver = new TopologyTestDriver({ reader: lost, batchCount: 2, fileWaitMs: FILE_WAIT_MS });
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: '/lost/a.dcm' }));
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: '/good/b.dcm' }));
    await pass(2 * FILE_WAIT_MS, 1_000);
    expect(driver.deadLetters.map(({ error }) => error.message)).toEqual(['file_missing']);
    expect(driver.published('dicom_state_queue')).toHaveLength(0);
  });
});

describe('waiting records whose files appear while a database is down', () => {
  it('stay waiting beyond half of checkpoint_limit, and are all stored when it is up again', async () => {
    failure = { error: new DicomReadError('file_missing') };
    let isUp = false;
    const database: Sink = {
      ...createMemoryDatabase('other'),
      write: async () => {
        if (!isUp) throw new SinkError('other', 'unavailable', 'down');
        return [];
      },
    };
    driver = new TopologyTestDriver({ reader, batchCount: 1, sinks: [database], checkpointLimit: 10 });
    for (let i = 0; i < 30; i++) await driver.createInputTopic().pipeInput(storeMeta({ file_path: `/s1/a/${i}` }));
    await driver.idle();
    expect(driver.held).toBe(30);
    failure = undefined;
    await pass(20_000);
    expect([driver.held, driver.waiting]).toEqual([25, 25]);
    isUp = true;
    await pass(20_000, 50);
    expect([driver.held, driver.committed()]).toEqual([0, 30]);
  });
});

/** Files that are missing when they are read first. */
function readerOfLateFiles(paths: readonly string[]): HeaderReader {
  const failures = new Map<string, DicomReadErrorCode>(paths.map((path) => [path, 'file_missing']));
  return {
    read: async (files) => {
      const headers = await createMemoryReader({ failures }).read(files);
      failures.clear();
      return headers;
    },
    close: async () => undefined,
  };
}

describe('waiting records for which there is no room', () => {
  const BATCH = [1, 2, 3].map((n) =>
    parseRecord(consumedRecord(Buffer.from(JSON.stringify(storeMeta({ file_path: `/s1/a/${n}` }))))),
  );

  /** Waits for the files of a batch, which come at once. `urgent` is `WaitingRecords.urgent`. */
  async function groupedBatches(urgent: WaitingRecords['urgent']) {
    const late = readerOfLateFiles([1, 2, 3].map((n) => `/s1/a/${n}`));
    const records = { ...neverRevoked, resumable: () => 0, ...(urgent === undefined ? {} : { urgent }) };
    const batches = await lastValueFrom(
      of(BATCH).pipe(
        (records$) => concat(records$, timer(1_600).pipe(ignoreElements())),
        groupDicomState(late, { concurrency: 1, records, fileWaitMs: 60_000 }),
        toArray(),
      ),
    );
    return batches.map(({ origins }) => origins);
  }

  it('are read only if they are urgent', async () => {
    expect(await groupedBatches(undefined)).toEqual([]);
    const origin = BATCH[1]?.source.origin;
    expect(await groupedBatches(() => (record) => record.origin === origin)).toEqual([[origin]]);
  });

  it('are looked at seldom while none is urgent, since there may be many', async () => {
    let looks = 0;
    const urgent = () => {
      looks++;
      return () => false;
    };
    expect(await groupedBatches(urgent)).toEqual([]);
    // Due after 250 ms, then every 250 ms.
    expect(looks).toBeGreaterThan(2);
    expect(looks).toBeLessThan(10);
  });
});

describe('the clock of a batch', () => {
  const options = { concurrency: 1, records: neverRevoked };
  const batch = (path: string): ParsedRecord[] => [
    parseRecord(consumedRecord(Buffer.from(JSON.stringify(storeMeta({ file_path: path }))))),
  ];

  it('starts when the batch is full or its period is over, not when a reader is free', async () => {
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
    const grouped = lastValueFrom(batches$.pipe(groupDicomState(slow, { ...options, fileWaitMs: 0 }), toArray()));
    for (const path of ['/s1/a/1', '/s1/a/2']) batches$.next(batch(path));
    batches$.complete();
    const closed = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    release();
    const times = (await grouped).map(({ closedAt }) => closedAt);
    expect(times).toHaveLength(2);
    for (const time of times) expect(time).toBeLessThanOrEqual(closed);
  });

  it('continues for records that leave the batch to wait for their files', async () => {
    const late = readerOfLateFiles(['/s1/a/2']);
    const batches = await lastValueFrom(
      of([...batch('/s1/a/1'), ...batch('/s1/a/2')]).pipe(
        // The intake must not end before the file is there.
        (records$) => concat(records$, timer(400).pipe(ignoreElements())),
        groupDicomState(late, { ...options, fileWaitMs: 1_000 }),
        toArray(),
      ),
    );
    expect(batches.map(({ origins }) => origins.length)).toEqual([1, 1]);
    expect(new Set(batches.map(({ closedAt }) => closedAt)).size).toBe(1);
  });
});
