import { describe, expect, it } from 'vitest';
import { type DicomReadErrorCode, SinkError } from '../../src/errors.ts';
import type { Sink } from '../../src/ports.ts';
import { storedFile } from '../../src/records/object-row.ts';
import type { Rejection } from '../../src/records/records.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';

/** A sink whose every write waits until the test lets it go. */
function gate(name = 'gate') {
  const waiting: { accept: (rejections?: readonly Rejection[]) => void; refuse: (error: unknown) => void }[] = [];
  const sink: Sink = {
    name,
    connect: async () => undefined,
    write: () =>
      new Promise((resolve, reject) =>
        waiting.push({ accept: (rejections = []) => resolve(rejections), refuse: reject }),
      ),
    close: async () => undefined,
  };
  return { sink, waiting };
}

describe('the topology', () => {
  it('writes a batch when it holds 50 records, without waiting for the clock', async () => {
    const driver = new TopologyTestDriver();
    for (let i = 0; i < 50; i++) driver.pipe(storeMeta());
    await driver.settle();
    expect(driver.acknowledgedBatches).toMatchObject([{ records: 50, states: 1, images: 50, deadLetters: 0 }]);
    expect(driver.committed()).toBe(50);
  });

  it('writes a smaller batch after five seconds', async () => {
    const driver = new TopologyTestDriver();
    driver.pipe(storeMeta());
    await driver.advance(4_999);
    expect(driver.acknowledgedBatches).toEqual([]);
    await driver.advance(1);
    expect(driver.acknowledgedBatches).toHaveLength(1);
  });

  it('flushes the open buffer when consumption stops, and completes', async () => {
    const driver = new TopologyTestDriver();
    driver.pipe(storeMeta());
    await driver.stop();
    expect(driver.committed()).toBe(1);
    expect(driver.completed).toBe(true);
  });

  it('fills tables and topics with one state per series and one image per instance', async () => {
    const driver = new TopologyTestDriver();
    for (const path of ['/s1/a/1', '/s1/a/2', '/s1/b/1', '/s2/a/1']) driver.pipe(storeMeta({ file_path: path }));
    await driver.stop();
    expect(driver.database.objects.size).toBe(4);
    expect(driver.states.map((record) => record.key).sort()).toEqual(['s1/a', 's1/b', 's2/a']);
    expect(driver.images).toHaveLength(4);
  });

  it('commits nothing until the slower sink acknowledges', async () => {
    const { sink, waiting } = gate();
    const driver = new TopologyTestDriver({ sinks: [sink] });
    driver.pipe(storeMeta());
    await driver.advance(5_000);
    expect(driver.states).toHaveLength(1);
    expect(driver.committed()).toBeUndefined();
    waiting[0]?.accept();
    await driver.settle();
    expect(driver.committed()).toBe(1);
  });

  it('commits an acknowledged batch only when the one before it is acknowledged too', async () => {
    const { sink, waiting } = gate();
    const driver = new TopologyTestDriver({ sinks: [sink], batchCount: 1 });
    driver.pipe(storeMeta());
    driver.pipe(storeMeta());
    await driver.settle();
    waiting[1]?.accept();
    await driver.settle();
    expect(driver.acknowledgedBatches).toHaveLength(1);
    expect(driver.committed()).toBe(0);
    waiting[0]?.accept();
    await driver.settle();
    expect(driver.committed()).toBe(2);
  });

  it('retries an unavailable sink until it recovers, and dead-letters nothing', async () => {
    const { sink, waiting } = gate();
    const driver = new TopologyTestDriver({ sinks: [sink] });
    driver.pipe(storeMeta());
    await driver.advance(5_000);
    for (let attempt = 0; attempt < 30; attempt++) {
      waiting[attempt]?.refuse(new SinkError('gate', 'unavailable', 'ECONNREFUSED'));
      await driver.advance(5_000);
    }
    expect(waiting).toHaveLength(31);
    expect(driver.committed()).toBeUndefined();
    waiting[30]?.accept();
    await driver.settle();
    expect(driver.committed()).toBe(1);
    expect(driver.deadLetters).toEqual([]);
  });

  it('fails on an unclassified error, and commits nothing', async () => {
    const { sink, waiting } = gate();
    const driver = new TopologyTestDriver({ sinks: [sink] });
    driver.pipe(storeMeta());
    await driver.advance(5_000);
    waiting[0]?.refuse(new SinkError('gate', 'unknown', 'XX000'));
    await driver.settle();
    expect(driver.error).toBeInstanceOf(AggregateError);
    expect(String(driver.error)).toContain('gate');
    expect(driver.committed()).toBeUndefined();
  });

  it('waits for the writes of other sinks before the batch fails', async () => {
    const slow = gate('slow');
    const broken = gate('broken');
    const driver = new TopologyTestDriver({ sinks: [slow.sink, broken.sink] });
    driver.pipe(storeMeta());
    await driver.advance(5_000);
    broken.waiting[0]?.refuse(new Error('a bug'));
    await driver.settle();
    expect(driver.error).toBeUndefined();
    slow.waiting[0]?.accept();
    await driver.settle();
    expect(driver.error).toBeInstanceOf(AggregateError);
  });

  it('sends a poison record to the dead letters and commits the rest of its batch with it', async () => {
    const driver = new TopologyTestDriver();
    driver.pipe(storeMeta());
    const poison = driver.pipe('{"not": "a record"', { key: 'k' });
    await driver.stop();
    expect(driver.deadLetters.map((record) => record.source)).toEqual([poison]);
    expect(driver.acknowledgedBatches).toMatchObject([{ records: 2, deadLetters: 1, images: 1 }]);
    expect(driver.committed()).toBe(2);
  });

  it('does not commit past a poison record before its dead letter is acknowledged', async () => {
    const { sink, waiting } = gate('dead_letter_topic');
    const driver = new TopologyTestDriver({ deadLetters: sink });
    driver.pipe('poison');
    await driver.advance(5_000);
    waiting[0]?.refuse(new SinkError('dead_letter_topic', 'unavailable', 'ERR__MSG_TIMED_OUT'));
    await driver.advance(5_000);
    expect(driver.committed()).toBeUndefined();
    waiting[1]?.accept();
    await driver.settle();
    expect(driver.committed()).toBe(1);
  });

  it('dead-letters a file that cannot be read, by the code of its error', async () => {
    const reader = createMemoryReader({ failures: new Map([['/s1/a/1', 'not_dicom']]) });
    const driver = new TopologyTestDriver({ reader });
    driver.pipe(storeMeta({ file_path: '/s1/a/1' }));
    driver.pipe(storeMeta({ file_path: '/s1/a/2' }));
    await driver.stop();
    expect(driver.deadLetters.map((record) => record.error.code)).toEqual(['not_dicom']);
    expect(driver.database.objects.size).toBe(1);
  });

  it('dead-letters the record that a sink rejects, and stores the next version of its key', async () => {
    const { sink, waiting } = gate();
    const driver = new TopologyTestDriver({ sinks: [sink] });
    const winner = driver.pipe(storeMeta({ file_path: '/s1/a/1', created_time: '2025-01-02T00:00:00' }));
    driver.pipe(storeMeta({ file_path: '/s1/a/2', created_time: '2025-01-01T00:00:00' }));
    await driver.advance(5_000);
    const error = new SinkError('gate', 'rejected', '22001');
    waiting[0]?.accept([{ file: storedFile(winner, storeMeta()), error }]);
    await driver.settle();
    // The rest is grouped and written again: now the older record holds the series.
    expect(driver.states).toHaveLength(2);
    expect(driver.committed()).toBeUndefined();
    waiting[1]?.accept();
    await driver.settle();
    expect(driver.deadLetters.map((record) => record.source)).toEqual([winner]);
    expect(driver.acknowledgedBatches).toMatchObject([{ records: 2, deadLetters: 1 }]);
    expect(driver.committed()).toBe(2);
  });

  describe('while a file is missing', () => {
    const failures = new Map<string, DicomReadErrorCode>();
    const late = () => {
      failures.clear();
      failures.set('/s1/a/1', 'file_missing');
      const driver = new TopologyTestDriver({ reader: createMemoryReader({ failures }) });
      driver.pipe(storeMeta({ file_path: '/s1/a/1' }));
      driver.pipe(storeMeta({ file_path: '/s1/a/2' }));
      return driver;
    };

    it('stores the rest of its batch and holds back its offset alone', async () => {
      const driver = late();
      await driver.advance(6_000);
      expect(driver.acknowledgedBatches).toMatchObject([{ records: 1, images: 1 }]);
      expect(driver.committed()).toBe(0);
      expect(driver.deadLetters).toEqual([]);
    });

    it('stores it when it appears', async () => {
      const driver = late();
      await driver.advance(20_000);
      failures.clear();
      for (let i = 0; i < 6; i++) await driver.advance(1_000);
      expect(driver.database.objects.size).toBe(2);
      expect(driver.deadLetters).toEqual([]);
      expect(driver.committed()).toBe(2);
    });

    it('dead-letters it after file_wait, and not before', async () => {
      const driver = late();
      for (let second = 0; second < 64; second++) await driver.advance(1_000);
      expect(driver.deadLetters).toEqual([]);
      for (let second = 0; second < 12; second++) await driver.advance(1_000);
      expect(driver.deadLetters.map((record) => record.error.code)).toEqual(['file_missing']);
      expect(driver.committed()).toBe(2);
    });

    it('does not delay the end of the service', async () => {
      const driver = late();
      await driver.advance(6_000);
      await driver.stop();
      expect(driver.completed).toBe(true);
      expect(driver.committed()).toBe(0);
    });
  });
});
