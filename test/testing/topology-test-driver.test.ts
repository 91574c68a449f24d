import { setTimeout as sleep } from 'node:timers/promises';
import { mergeMap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import { parseValues } from '../../src/operators/parse-values.ts';
import { toBatch } from '../../src/operators/to-batch.ts';
import type { HeaderReader, Sink } from '../../src/ports.ts';
import type { DicomImageMeta } from '../../src/records/output-records.ts';
import type { Processed } from '../../src/records/records.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';
import { consume } from '../../topology/compose.ts';
import type { ServiceNodes } from '../../topology/delivery.ts';
import { describe as describeTopology } from '../../topology/describe.ts';
import { exactlyOnceTopology, readHeaders, type Settings, topology } from '../../topology/topology.ts';

const DOWN = new SinkError('memory', 'unavailable', 'ECONNREFUSED');

describe('the topics of the TopologyTestDriver', () => {
  it('give keys, values and the time at which the clock was when the record was published', async () => {
    await using driver = new TopologyTestDriver();
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: '/s/a/1' }));
    await driver.advanceTime(60_000);
    const images = driver.createOutputTopic<DicomImageMeta>('dicom_image_queue');
    expect(images.size).toBe(1);
    const { key, value, headers, timestamp } = images.readRecord();
    expect([value?.sop_uid, headers, timestamp]).toEqual(['1', [], 5_000]);
    expect(key).toBe(driver.published('dicom_image_queue')[0]?.key?.toString());
    expect(images.isEmpty).toBe(true);
    expect(() => images.readKeyValue()).toThrow(new RangeError('there is no record left in dicom_image_queue'));
  });

  it('give a dead letter as the service publishes it: key, value and headers unchanged, then the error', async () => {
    await using driver = new TopologyTestDriver();
    await driver.createInputTopic().pipeInput('bad', { key: 'k', headers: [['h', Buffer.from('1')]], partition: 3 });
    await driver.stop();
    const { key, value, headers } = driver.createOutputTopic('storage_queue.dlq', String).readRecord();
    expect([key, value]).toEqual(['k', 'bad']);
    expect(headers.map(([name, content]) => `${name}=${content}`)).toEqual([
      'h=1',
      '__streams.errors.exception=ParseError',
      '__streams.errors.message=value is not JSON',
      '__streams.errors.topic=storage_queue',
      '__streams.errors.partition=3',
      '__streams.errors.offset=0',
      '__streams.errors.code=not_json',
    ]);
  });

  it('refuse a topic that the topology does not consume', () => {
    const driver = new TopologyTestDriver();
    expect(() => driver.createInputTopic('other')).toThrow('the topology does not consume other');
  });
});

describe('the TopologyTestDriver', () => {
  it('has nothing left to do only after a reader that takes real time has answered', async () => {
    const slow: HeaderReader = {
      read: async (files) => {
        await sleep(30);
        return await createMemoryReader().read(files);
      },
      close: async () => undefined,
    };
    await using driver = new TopologyTestDriver({ reader: slow });
    await driver.createInputTopic().pipeInput(storeMeta());
    await driver.advanceTime(5_000);
    expect(driver.table('dicom_image_meta')).toHaveLength(1);
  });

  it('names the remedy when a node blocks instead of being held', async () => {
    const stuck: Sink = { ...createMemoryDatabase('stuck'), write: () => new Promise(() => undefined) };
    await using driver = new TopologyTestDriver({ sinks: [stuck], callTimeoutMs: 20 });
    await driver.createInputTopic().pipeInput(storeMeta());
    await expect(driver.advanceTime(5_000)).rejects.toThrow('hold a node instead of blocking it');
  });

  it('runs what becomes due on the way at its own time, with what follows from it', async () => {
    const times: number[] = [];
    const reader: HeaderReader = {
      read: async (files) => {
        times.push(driver.now);
        return await createMemoryReader({ failures: new Map([['/s/a/1', 'file_missing']]) }).read(files);
      },
      close: async () => undefined,
    };
    await using driver = new TopologyTestDriver({ reader, batchCount: 1 });
    await driver.createInputTopic().pipeInput(storeMeta({ file_path: '/s/a/1' }));
    await driver.advanceTime(8_000);
    expect(times).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000]);
  });

  it('shows the watermark beside what is committed', async () => {
    await using driver = new TopologyTestDriver({ batchCount: 1 });
    driver.hold('commits');
    const input = driver.createInputTopic();
    await input.pipeValues([storeMeta(), storeMeta()]);
    expect([driver.watermark(), driver.committed()]).toEqual([2, undefined]);
    await driver.release('commits');
    expect([driver.watermark(), driver.committed()]).toEqual([2, 2]);
  });

  it('writes to the given database instead of the one in memory', async () => {
    const database = createMemoryDatabase('own');
    await using driver = new TopologyTestDriver({ database });
    await driver.createInputTopic().pipeInput(storeMeta());
    await driver.stop();
    expect([database.objects.size, driver.database.objects.size]).toEqual([1, 0]);
  });

  it('connects a sink before its first write, once', async () => {
    const calls: string[] = [];
    const sink: Sink = {
      name: 'own',
      connect: async () => void calls.push('connect'),
      write: async () => {
        calls.push('write');
        return [];
      },
      close: async () => void calls.push('close'),
    };
    {
      await using driver = new TopologyTestDriver({ sinks: [sink], batchCount: 1 });
      await driver.createInputTopic().pipeValues([storeMeta(), storeMeta()]);
    }
    expect(calls).toEqual(['connect', 'write', 'write', 'close']);
  });

  it('connects a sink again after a failed attempt, when the write is retried', async () => {
    let connects = 0;
    const connect = async () => {
      if (++connects <= 2) throw new SinkError('own', 'unavailable', 'ECONNREFUSED');
    };
    const sink: Sink = { ...createMemoryDatabase('own'), name: 'own', connect };
    await using driver = new TopologyTestDriver({ sinks: [sink], batchCount: 1 });
    await driver.createInputTopic().pipeInput(storeMeta());
    expect(driver.committed()).toBeUndefined();
    await driver.advanceTime(10_000);
    expect([connects, driver.committed()]).toEqual([3, 1]);
  });

  it('closes the reader and every output, also when one of them throws', async () => {
    const closed: string[] = [];
    const reader: HeaderReader = { ...createMemoryReader(), close: async () => void closed.push('reader') };
    const sink = (name: string, close: () => Promise<void>): Sink => ({ ...createMemoryDatabase(name), name, close });
    const driver = new TopologyTestDriver({
      reader,
      sinks: [
        sink('bad', () => {
          throw new Error('a bug');
        }),
        sink('good', async () => void closed.push('good')),
      ],
    });
    await expect(driver[Symbol.asyncDispose]()).rejects.toThrow('a bug');
    expect(closed.sort()).toEqual(['good', 'reader']);
  });

  it('rejects every call with the error of a topology that has failed', async () => {
    const bug = new Error('a bug');
    await using driver = new TopologyTestDriver({ batchCount: 1 });
    const input = driver.createInputTopic();
    await driver.fail('memory', bug);
    await expect(input.pipeInput(storeMeta())).rejects.toThrow('batch not stored by memory');
    expect(driver.error).toMatchObject({ errors: [bug] });
    for (const call of [
      () => input.pipeInput(storeMeta()),
      () => input.pipeValues([storeMeta()]),
      () => driver.advanceTime(1),
      () => driver.release('memory'),
      () => driver.until(() => false),
      () => driver.stop(),
    ])
      await expect(call()).rejects.toBe(driver.error);
  });

  it('refuses to hold or fail a node that the topology does not have', async () => {
    const driver = new TopologyTestDriver();
    expect(() => driver.hold('postgres')).toThrow('no node is named postgres; there are memory, state_topic');
    await expect(driver.fail('postgres', DOWN)).rejects.toThrow(TypeError);
    expect(() => driver.reject('postgres', () => true)).toThrow(TypeError);
  });

  it('rejects records until the node is released', async () => {
    await using driver = new TopologyTestDriver({ batchCount: 1 });
    const input = driver.createInputTopic();
    driver.reject('memory', () => true);
    await input.pipeInput(storeMeta());
    expect(driver.deadLetters.map(({ error }) => error.code)).toEqual(['rejected']);
    await driver.release('memory');
    await input.pipeInput(storeMeta());
    expect([driver.deadLetters.length, driver.table('dicom_object_meta').length]).toEqual([1, 1]);
  });

  it('fails the next calls only as often as asked', async () => {
    await using driver = new TopologyTestDriver({ batchCount: 1 });
    await driver.fail('memory', DOWN, 2);
    await driver.createInputTopic().pipeInput(storeMeta());
    expect(driver.committed()).toBeUndefined();
    await driver.advanceTime(10_000);
    expect(driver.committed()).toBe(1);
  });
});

describe('the TopologyTestDriver with exactly once', () => {
  const run = async () => {
    const driver = new TopologyTestDriver({ exactlyOnce: true });
    await driver.createInputTopic().pipeValues([storeMeta({ file_path: '/s/a/1' }), 'bad']);
    return driver;
  };

  it('publishes outputs and dead letters and commits the offsets together, after the database', async () => {
    await using driver = await run();
    driver.hold('memory');
    await driver.advanceTime(5_000);
    const sizes = () =>
      ['dicom_state_queue', 'dicom_image_queue', 'storage_queue.dlq'].map((topic) => driver.published(topic).length);
    expect([...sizes(), driver.committed()]).toEqual([0, 0, 0, undefined]);
    await driver.release('memory');
    expect([...sizes(), driver.committed()]).toEqual([1, 1, 1, 2]);
  });

  it('publishes and commits nothing in a failed transaction, and retries it', async () => {
    await using driver = await run();
    await driver.fail('transaction', new SinkError('transaction', 'timeout', 'ERR__TIMED_OUT'), 1);
    await driver.advanceTime(5_000);
    expect([driver.published('dicom_image_queue').length, driver.committed()]).toEqual([0, undefined]);
    await driver.advanceTime(5_000);
    expect([driver.published('dicom_image_queue').length, driver.committed()]).toEqual([1, 2]);
  });

  it('commits done records above one that waits for its file', async () => {
    const reader = createMemoryReader({ failures: new Map([['/s/a/1', 'file_missing']]) });
    await using driver = new TopologyTestDriver({ exactlyOnce: true, reader });
    await driver
      .createInputTopic()
      .pipeValues([storeMeta({ file_path: '/s/a/1' }), storeMeta({ file_path: '/s/a/2' })]);
    await driver.advanceTime(5_000);
    expect([driver.published('dicom_image_queue').length, driver.committed()]).toEqual([1, 0]);
  });
});

describe('the TopologyTestDriver with a topology of one’s own', () => {
  const audit = () => createMemoryDatabase('audit');

  it('runs an extra sink in either mode, and shows it in the description', async () => {
    for (const exactlyOnce of [false, true] as const) {
      const extra = audit();
      await using driver = exactlyOnce
        ? new TopologyTestDriver({
            exactlyOnce,
            exactlyOnceTopology: (nodes, settings) =>
              exactlyOnceTopology({ ...nodes, databases: [...nodes.databases, extra] }, settings),
          })
        : new TopologyTestDriver({
            topology: (nodes, settings) => topology({ ...nodes, sinks: [...nodes.sinks, extra] }, settings),
          });
      driver.hold('audit');
      await driver.createInputTopic().pipeInput(storeMeta());
      await driver.advanceTime(5_000);
      expect(driver.committed()).toBeUndefined();
      await driver.release('audit');
      expect([driver.committed(), extra.objects.size]).toEqual([1, 1]);
      expect(describeTopology(driver.topology)).toContain('Sink: audit (database: audit)');
    }
  });

  /** Doubles numbers, and publishes them to a topic of its own. */
  const numbers = ({ source, deadLetters, offsets, topic }: ServiceNodes, settings: Settings) => {
    const doubled = topic('doubled', 'doubles', ({ value }: Processed<number>) => ({
      key: null,
      value: String(value),
    }));
    return consume(source)
      .through('parse_numbers', parseValues(Number))
      .through(
        'look_up',
        mergeMap(async (record) => {
          if ('kind' in record) return record;
          await sleep(20);
          return { ...record, value: record.value * 2 };
        }),
      )
      .buffer(settings)
      .through('to_batch', toBatch())
      .forkTo({ sinks: [doubled], deadLetters }, settings)
      .commitTo(offsets);
  };

  it('runs records of another type, and waits with `until` for what its processors await', async () => {
    await using driver = new TopologyTestDriver({ topology: numbers, inputTopics: ['numbers'], batchCount: 2 });
    await driver.createInputTopic('numbers').pipeValues(['1', '2']);
    const output = driver.createOutputTopic<number>('doubles');
    await driver.until(() => output.size === 2);
    expect(output.readRecords().map(({ value }) => value)).toEqual([2, 4]);
    expect(driver.committed()).toBe(2);
    await expect(driver.until(() => output.size === 9, 50)).rejects.toThrow('the condition is not met after 50 ms');
  });

  it('is refused when it would be ignored', () => {
    const own = { exactlyOnce: true, topology: numbers };
    expect(() => new TopologyTestDriver(own)).toThrow(
      'with exactlyOnce: true, the custom topology is exactlyOnceTopology, not topology',
    );
  });

  it('runs a processor before the fork', async () => {
    await using driver = new TopologyTestDriver({
      topology: ({ source, reader, sinks, deadLetters, offsets }, settings) =>
        readHeaders(source, reader, settings)
          .through('wait', (batches$) => batches$)
          .forkTo({ sinks, deadLetters }, settings)
          .commitTo(offsets),
    });
    await driver.createInputTopic().pipeInput(storeMeta());
    await driver.stop();
    expect(driver.committed()).toBe(1);
    expect(driver.topology.nodes.map(({ name }) => name)).toContain('wait');
  });
});
