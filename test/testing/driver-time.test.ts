import { describe, expect, it } from 'vitest';
import { parseValues } from '../../src/operators/parse-values.ts';
import { toBatch } from '../../src/operators/to-batch.ts';
import type { ConsumedRecord, Processed } from '../../src/records/records.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';
import { consume } from '../../topology/compose.ts';
import type { ServiceNodes } from '../../topology/delivery.ts';
import type { Settings } from '../../topology/topology.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 2);
const timesOf = (records: readonly ConsumedRecord[]) => records.map(({ timestamp }) => timestamp);

describe('the timestamps of an input topic', () => {
  it('are the driver’s clock, as a producer would set them', async () => {
    await using driver = new TopologyTestDriver({ startTime: START });
    const input = driver.createInputTopic();
    const first = await input.pipeInput(storeMeta());
    await driver.advanceTime(MINUTE);
    expect(timesOf([first, await input.pipeInput(storeMeta())])).toEqual([START, START + MINUTE]);
  });

  it('begin at `startTimestamp` and advance by `advanceMs` after each record, whatever the driver’s clock is', async () => {
    await using driver = new TopologyTestDriver();
    const input = driver.createInputTopic('storage_queue', { startTimestamp: START, advanceMs: 10 });
    const records = [...(await input.pipeValues([storeMeta(), storeMeta()]))];
    await driver.advanceTime(MINUTE);
    records.push(await input.pipeInput(storeMeta()));
    input.advanceTime(1_000);
    records.push(await input.pipeInput(storeMeta()));
    expect(timesOf(records)).toEqual([START, START + 10, START + 20, START + 1_030]);
  });

  it('begin now when only `advanceMs` is given, or when the topic’s time is advanced', async () => {
    await using driver = new TopologyTestDriver({ startTime: START });
    const [advancing, plain] = [driver.createInputTopic('storage_queue', { advanceMs: 5 }), driver.createInputTopic()];
    await driver.advanceTime(MINUTE);
    expect(timesOf(await advancing.pipeValues([storeMeta(), storeMeta()]))).toEqual([START, START + 5]);
    plain.advanceTime(7);
    await driver.advanceTime(MINUTE);
    expect(timesOf([await plain.pipeInput(storeMeta())])).toEqual([START + MINUTE + 7]);
  });

  it('can be given for one record, which does not change those of the others', async () => {
    await using driver = new TopologyTestDriver();
    const input = driver.createInputTopic('storage_queue', { startTimestamp: 100, advanceMs: 1 });
    const value = storeMeta();
    const records = await input.pipeRecords([
      { value },
      { value, timestamp: 9, key: 'k', partition: 2 },
      { value, timestamp: -1 },
      { value },
    ]);
    expect(timesOf(records)).toEqual([100, 9, undefined, 101]);
    expect(records[1]).toMatchObject({ key: Buffer.from('k'), origin: { partition: 2, offset: 0 } });
  });

  it('are never negative, except the -1 of a record without one', async () => {
    await using driver = new TopologyTestDriver();
    const input = driver.createInputTopic();
    for (const wrong of [-2, Number.NaN])
      await expect(input.pipeInput('1', { timestamp: wrong })).rejects.toThrow(`timestamp is ${wrong}: expected`);
    expect(() => input.advanceTime(-1)).toThrow(RangeError);
    expect(() => driver.createInputTopic('storage_queue', { startTimestamp: -1 })).toThrow(RangeError);
    expect(() => driver.createInputTopic('storage_queue', { advanceMs: -1 })).toThrow(RangeError);
  });
});

describe('the lag of a partition in seconds', () => {
  it('is the age of the oldest unacknowledged record by its timestamp', async () => {
    await using driver = new TopologyTestDriver({ startTime: START, batchCount: 1 });
    const input = driver.createInputTopic('storage_queue', { startTimestamp: START - MINUTE, advanceMs: 1_000 });
    expect(driver.lagSeconds()).toBe(0);
    driver.hold('memory');
    await input.pipeValues([storeMeta(), storeMeta()]);
    expect([driver.lagSeconds(), driver.lagSeconds(1)]).toEqual([60, 0]);
    await driver.advanceTime(5_000);
    expect(driver.lagSeconds()).toBe(65);
    await driver.release('memory');
    expect(driver.lagSeconds()).toBe(0);
  });

  it('counts records that wait for their files, and is unknown for a record without a timestamp', async () => {
    const reader = createMemoryReader({ failures: new Map([['/s/a/1', 'file_missing']]) });
    await using driver = new TopologyTestDriver({ reader, batchCount: 1 });
    const input = driver.createInputTopic();
    await input.pipeInput(storeMeta({ file_path: '/s/a/1' }));
    await driver.advanceTime(10_000);
    expect([driver.waiting, driver.lagSeconds()]).toEqual([1, 10]);
    driver.hold('memory');
    await input.pipeInput(storeMeta({ file_path: '/s/a/2' }), { timestamp: -1, partition: 1 });
    expect(driver.lagSeconds(1)).toBeNaN();
  });
});

describe('the timestamp of an output record', () => {
  /** Publishes each number with the timestamp of its record, and even ones with that of the clock. */
  const numbers = ({ source, deadLetters, offsets, topic }: ServiceNodes, settings: Settings) =>
    consume(source)
      .through('parse_numbers', parseValues(Number))
      .buffer(settings)
      .through('to_batch', toBatch())
      .forkTo(
        {
          sinks: [
            topic('copies', 'copies', ({ value, source: { timestamp } }: Processed<number>) => ({
              key: null,
              value: String(value),
              ...(value % 2 === 0 ? {} : { timestamp }),
            })),
          ],
          deadLetters,
        },
        settings,
      )
      .commitTo(offsets);

  it('is the one that `recordOf` gives, else the clock when it is published', async () => {
    await using driver = new TopologyTestDriver({ topology: numbers, startTime: START });
    const input = driver.createInputTopic('storage_queue', { startTimestamp: 1_000, advanceMs: 1 });
    await input.pipeValues(['1', '2', '3']);
    await driver.advanceTime(5_000);
    const times = driver
      .createOutputTopic('copies')
      .readRecords()
      .map(({ timestamp }) => timestamp);
    expect(times).toEqual([1_000, START + 5_000, 1_002]);
  });
});
