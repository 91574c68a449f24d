import { beforeEach, describe, expect, it } from 'vitest';
import { DicomReadError, type DicomReadErrorCode } from '../../src/errors.ts';
import type { HeaderFailure, HeaderReader } from '../../src/ports.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';

const FILE_WAIT_MS = 60_000;
const OLDER = '/data/s1/a/1';
const NEWER = '/data/s1/a/2';

/** What happens to the next reads of the older file; the first one succeeds. */
let failure: Omit<HeaderFailure, 'index'> | undefined;
let reads: number;
let driver: TopologyTestDriver;

const reader: HeaderReader = {
  async read(files) {
    const isAgain = files.length === 1;
    if (isAgain) reads++;
    if (isAgain && failure !== undefined) return { states: [], images: [], failures: [{ index: 0, ...failure }] };
    return await createMemoryReader().read(files);
  },
  close: async () => undefined,
};

function fails(code: DicomReadErrorCode, notAttempted = false): void {
  failure = { error: new DicomReadError(code), notAttempted };
}

beforeEach(() => {
  failure = undefined;
  reads = 0;
  driver = new TopologyTestDriver({ reader, batchCount: 2, fileWaitMs: FILE_WAIT_MS });
});

/** Two images of one series in one batch. The state topic refuses the newer one, so the row of the older one is read again. */
async function pipe(): Promise<void> {
  driver.reject('state_topic', ({ value }) => String(value).includes(NEWER));
  const topic = driver.createInputTopic();
  await topic.pipeInput(storeMeta({ file_path: OLDER, created_time: '2026-01-01T00:00:01' }));
  await topic.pipeInput(storeMeta({ file_path: NEWER, created_time: '2026-01-01T00:00:02' }));
}

describe('a row that is needed because the newer one was refused', () => {
  it('is published after an outage of the storage of any length', async () => {
    fails('read_timeout', true);
    await pipe();
    await driver.advanceTime(10 * FILE_WAIT_MS);
    expect([driver.published('dicom_state_queue').length, driver.committed()]).toEqual([0, undefined]);
    failure = undefined;
    await driver.advanceTime(1_000);
    expect(driver.published('dicom_state_queue')).toHaveLength(1);
    expect(driver.committed()).toBe(2);
  });

  it.each(['read_timeout', 'read_failed'] as const)('is published when %s ends within file_wait', async (code) => {
    fails(code);
    await pipe();
    await driver.advanceTime(FILE_WAIT_MS / 2);
    expect(driver.committed()).toBeUndefined();
    failure = undefined;
    await driver.advanceTime(1_000);
    expect(driver.published('dicom_state_queue')).toHaveLength(1);
  });

  it('holds back nothing for a file that fails for longer than file_wait', async () => {
    fails('read_failed');
    await pipe();
    await driver.advanceTime(FILE_WAIT_MS);
    expect([driver.published('dicom_state_queue').length, driver.committed()]).toEqual([0, 2]);
  });

  it('is not waited for when its file is gone', async () => {
    fails('file_missing');
    await pipe();
    expect([reads, driver.committed()]).toEqual([1, 2]);
  });
});
