import { describe, expect, it } from 'vitest';
import { type DicomReadErrorCode, SinkError } from '../../src/errors.ts';
import type { DicomStateMeta } from '../../src/records/output-records.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { type TestDriverOptions, TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';

const gate = () => createMemoryDatabase('gate');

/** Starts the driver and pipes records in. */
async function drive(values: readonly (object | string)[], options: TestDriverOptions = {}, hold?: string) {
  const driver = new TopologyTestDriver(options);
  if (hold !== undefined) driver.hold(hold);
  const records = await driver.createInputTopic().pipeValues(values);
  return { driver, records };
}

describe('the topology', () => {
  it('writes a batch when it holds 50 records, without waiting for the clock', async () => {
    const { driver } = await drive(Array.from({ length: 50 }, () => storeMeta()));
    expect(driver.acknowledgedBatches).toMatchObject([{ records: 50, states: 1, images: 50, deadLetters: 0 }]);
    expect(driver.committed()).toBe(50);
  });

  it('writes a smaller batch after five seconds', async () => {
    const { driver } = await drive([storeMeta()]);
    await driver.advanceTime(4_999);
    expect(driver.acknowledgedBatches).toEqual([]);
    await driver.advanceTime(1);
    expect(driver.acknowledgedBatches).toHaveLength(1);
  });

  it('flushes the open buffer when consumption stops, and completes', async () => {
    const { driver } = await drive([storeMeta()]);
    await driver.stop();
    expect(driver.committed()).toBe(1);
    expect(driver.completed).toBe(true);
  });

  it('fills tables and topics with one state per series and one image per instance', async () => {
    const paths = ['/s1/a/1', '/s1/a/2', '/s1/b/1', '/s2/a/1'];
    const { driver } = await drive(paths.map((path) => storeMeta({ file_path: path })));
    await driver.stop();
    expect(driver.table('dicom_object_meta')).toHaveLength(4);
    expect(driver.table('dicom_state_meta').map((row) => `${row.study_uid}/${row.series_uid}`)).toEqual(
      expect.arrayContaining(['s1/a', 's1/b', 's2/a']),
    );
    const states = driver.createOutputTopic<DicomStateMeta>('dicom_state_queue').readRecords();
    expect(states.map(({ value }) => `${value?.study_uid}/${value?.series_uid}`).sort()).toEqual([
      's1/a',
      's1/b',
      's2/a',
    ]);
    expect(driver.published('dicom_image_queue')).toHaveLength(4);
  });

  it('commits nothing until the slower sink acknowledges', async () => {
    const { driver } = await drive([storeMeta()], { sinks: [gate()] }, 'gate');
    await driver.advanceTime(5_000);
    expect(driver.published('dicom_state_queue')).toHaveLength(1);
    expect(driver.committed()).toBeUndefined();
    await driver.release('gate');
    expect(driver.committed()).toBe(1);
  });

  it('commits an acknowledged batch only when the one before it is acknowledged too', async () => {
    const driver = new TopologyTestDriver({ sinks: [gate()], batchCount: 1 });
    driver.hold('gate', 1);
    await driver.createInputTopic().pipeValues([storeMeta(), storeMeta()]);
    expect(driver.acknowledgedBatches).toHaveLength(1);
    expect(driver.committed()).toBe(0);
    await driver.release('gate');
    expect(driver.committed()).toBe(2);
  });

  it('retries an unavailable sink until it recovers, and dead-letters nothing', async () => {
    const { driver } = await drive([storeMeta()], { sinks: [gate()] }, 'gate');
    await driver.fail('gate', new SinkError('gate', 'unavailable', 'ECONNREFUSED'));
    await driver.advanceTime(150_000);
    expect(driver.committed()).toBeUndefined();
    await driver.release('gate');
    await driver.advanceTime(5_000);
    expect(driver.committed()).toBe(1);
    expect(driver.deadLetters).toEqual([]);
  });

  it('fails on an unclassified error, and commits nothing', async () => {
    const { driver } = await drive([storeMeta()], { sinks: [gate()] });
    await driver.fail('gate', new SinkError('gate', 'unknown', 'XX000'));
    await expect(driver.advanceTime(5_000)).rejects.toThrow(/gate/);
    expect(driver.error).toBeInstanceOf(AggregateError);
    expect(driver.committed()).toBeUndefined();
  });

  it('waits for the writes of other sinks before the batch fails', async () => {
    const { driver } = await drive([storeMeta()], { sinks: [gate()] }, 'gate');
    await driver.fail('memory', new Error('a bug'));
    await driver.advanceTime(5_000);
    expect(driver.error).toBeUndefined();
    await expect(driver.release('gate')).rejects.toThrow(AggregateError);
  });

  it('sends a poison record to the dead letters and commits the rest of its batch with it', async () => {
    const { driver, records } = await drive([storeMeta(), '{"not": "a record"']);
    await driver.stop();
    expect(driver.deadLetters.map((record) => record.source)).toEqual([records[1]]);
    expect(driver.acknowledgedBatches).toMatchObject([{ records: 2, deadLetters: 1, images: 1 }]);
    expect(driver.committed()).toBe(2);
  });

  it('does not commit past a poison record before its dead letter is acknowledged', async () => {
    const { driver } = await drive(['poison'], {}, 'dead_letter_topic');
    await driver.advanceTime(5_000);
    await driver.fail('dead_letter_topic', new SinkError('dead_letter_topic', 'unavailable', 'ERR__MSG_TIMED_OUT'), 1);
    await driver.advanceTime(5_000);
    expect(driver.committed()).toBeUndefined();
    await driver.release('dead_letter_topic');
    expect(driver.committed()).toBe(1);
  });

  it('dead-letters a file that cannot be read, by the code of its error', async () => {
    const reader = createMemoryReader({ failures: new Map([['/s1/a/1', 'not_dicom']]) });
    const { driver } = await drive([storeMeta({ file_path: '/s1/a/1' }), storeMeta({ file_path: '/s1/a/2' })], {
      reader,
    });
    await driver.stop();
    expect(driver.deadLetters.map((record) => record.error.code)).toEqual(['not_dicom']);
    expect(driver.database.objects.size).toBe(1);
  });

  it('dead-letters the record that a sink rejects, and stores the next version of its key', async () => {
    const driver = new TopologyTestDriver({ sinks: [gate()] });
    const [winner] = await driver
      .createInputTopic()
      .pipeValues([
        storeMeta({ file_path: '/s1/a/1', created_time: '2025-01-02T00:00:00' }),
        storeMeta({ file_path: '/s1/a/2', created_time: '2025-01-01T00:00:00' }),
      ]);
    driver.reject('gate', (source) => source === winner);
    await driver.advanceTime(5_000);
    // The rest is grouped and published again: now the older record holds the series.
    expect(driver.published('dicom_state_queue')).toHaveLength(2);
    expect(driver.deadLetters.map((record) => record.source)).toEqual([winner]);
    expect(driver.acknowledgedBatches).toMatchObject([{ records: 2, deadLetters: 1 }]);
    expect(driver.committed()).toBe(2);
  });

  describe('while a file is missing', () => {
    const failures = new Map<string, DicomReadErrorCode>();
    const late = async () => {
      failures.clear();
      failures.set('/s1/a/1', 'file_missing');
      const metas = ['/s1/a/1', '/s1/a/2'].map((path) => storeMeta({ file_path: path }));
      return (await drive(metas, { reader: createMemoryReader({ failures }) })).driver;
    };

    it('stores the rest of its batch and holds back its offset alone', async () => {
      const driver = await late();
      await driver.advanceTime(6_000);
      expect(driver.acknowledgedBatches).toMatchObject([{ records: 1, images: 1 }]);
      expect(driver.committed()).toBe(0);
      expect(driver.deadLetters).toEqual([]);
    });

    it('stores it when it appears', async () => {
      const driver = await late();
      await driver.advanceTime(20_000);
      failures.clear();
      await driver.advanceTime(6_000);
      expect(driver.database.objects.size).toBe(2);
      expect(driver.deadLetters).toEqual([]);
      expect(driver.committed()).toBe(2);
    });

    it('dead-letters it after file_wait, and not before', async () => {
      const driver = await late();
      await driver.advanceTime(64_000);
      expect(driver.deadLetters).toEqual([]);
      await driver.advanceTime(2_000);
      expect(driver.deadLetters.map((record) => record.error.code)).toEqual(['file_missing']);
      expect(driver.committed()).toBe(2);
    });

    it('does not delay the end of the service', async () => {
      const driver = await late();
      await driver.advanceTime(6_000);
      await driver.stop();
      expect(driver.completed).toBe(true);
      expect(driver.committed()).toBe(0);
    });
  });
});
