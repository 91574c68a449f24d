import { describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import { parseValues } from '../../src/operators/parse-values.ts';
import { toBatch } from '../../src/operators/to-batch.ts';
import type { GroupedRecord, Processed } from '../../src/records/records.ts';
import type { RecordOf } from '../../src/sinks/publications.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { TopologyTestDriver } from '../../src/testing/topology-test-driver.ts';
import { consume } from '../../topology/compose.ts';
import type { ExactlyOnceServiceNodes } from '../../topology/delivery.ts';
import { describe as describeTopology } from '../../topology/describe.ts';
import { readHeaders, type Settings } from '../../topology/topology.ts';

/** One record of the own topic for each stored file. */
const fileOf: RecordOf<GroupedRecord> = ({ file }) => ({
  key: file.tenantId,
  value: JSON.stringify({ path: file.path }),
  headers: [['made-by', Buffer.from('test')]],
});

/** The graph of the service with one more topic in its transaction. */
const withFiles =
  (recordOf = fileOf) =>
  ({ source, reader, databases, topics, transactionOf }: ExactlyOnceServiceNodes, settings: Settings) =>
    readHeaders(source, reader, settings)
      .forkTo({ sinks: databases }, settings)
      .commitIn(transactionOf([...topics, { name: 'file_topic', topic: 'files', recordOf }]));

describe('a topic of one’s own in the transaction of the TopologyTestDriver', () => {
  const driverOf = (recordOf = fileOf) =>
    new TopologyTestDriver({ exactlyOnce: true, exactlyOnceTopology: withFiles(recordOf) });

  it('gets its records together with the topics of the service and the offsets, after the database', async () => {
    await using driver = driverOf();
    await driver.createInputTopic().pipeValues([storeMeta({ tenant_id: 'clinic', file_path: '/s/a/1' }), 'bad']);
    const sizes = () =>
      ['files', 'dicom_image_queue', 'storage_queue.dlq'].map((topic) => driver.published(topic).length);
    driver.hold('memory');
    await driver.advanceTime(5_000);
    expect([...sizes(), driver.committed()]).toEqual([0, 0, 0, undefined]);
    await driver.fail('transaction', new SinkError('transaction', 'timeout', 'ERR__TIMED_OUT'), 1);
    await driver.release('memory');
    expect([...sizes(), driver.committed()]).toEqual([0, 0, 0, undefined]);
    await driver.advanceTime(5_000);
    expect([...sizes(), driver.committed()]).toEqual([1, 1, 1, 2]);
    expect(driver.createOutputTopic('files').readRecord()).toMatchObject({
      key: 'clinic',
      value: { path: '/s/a/1' },
      headers: [['made-by', Buffer.from('test')]],
    });
  });

  it('is a node of the graph, after the commit', () => {
    const text = describeTopology(driverOf().topology);
    expect(text).toContain('--> state_topic, image_topic, file_topic, dead_letter_topic');
    expect(text).toContain('Sink: file_topic (topic: files)\n      --> none\n      <-- commit_together');
  });

  it('gets no record for which `recordOf` returns null', async () => {
    await using driver = driverOf((record) => (record.file.path === '/s/a/1' ? fileOf(record) : null));
    const input = driver.createInputTopic();
    await input.pipeValues([storeMeta({ file_path: '/s/a/1' }), storeMeta({ file_path: '/s/a/2' })]);
    await driver.stop();
    expect([driver.published('files').length, driver.published('dicom_image_queue').length]).toEqual([1, 2]);
    expect(driver.committed()).toBe(2);
  });

  it('is not written to at all when `recordOf` throws: the topology fails and commits nothing', async () => {
    const bug = new Error('a bug');
    await using driver = driverOf(({ file }) => {
      if (file.path === '/s/a/2') throw bug;
      return { key: null, value: 'ok' };
    });
    const input = driver.createInputTopic();
    await input.pipeValues([storeMeta({ file_path: '/s/a/1' }), storeMeta({ file_path: '/s/a/2' })]);
    await expect(driver.advanceTime(5_000)).rejects.toBe(bug);
    expect(driver.published('files')).toEqual([]);
    expect(driver.published('dicom_image_queue')).toEqual([]);
    expect(driver.committed()).toBeUndefined();
  });

  it('can’t have a name that another node has', () => {
    const twice = ({ source, reader, databases, transactionOf }: ExactlyOnceServiceNodes, settings: Settings) =>
      readHeaders(source, reader, settings)
        .forkTo({ sinks: databases }, settings)
        .commitIn(transactionOf([{ name: 'memory', topic: 'files', recordOf: fileOf }]));
    expect(() => new TopologyTestDriver({ exactlyOnce: true, exactlyOnceTopology: twice })).toThrow(
      'two nodes of the topology have the name memory',
    );
  });
});

describe('records of another type in a transaction of the TopologyTestDriver', () => {
  const orders = ({ source, transactionOf }: ExactlyOnceServiceNodes, settings: Settings) =>
    consume(source)
      .through('parse_numbers', parseValues(Number))
      .buffer(settings)
      .through('to_batch', toBatch())
      .forkTo({ sinks: [] }, settings)
      .commitIn(
        transactionOf([
          { name: 'doubled', topic: 'doubles', recordOf: ({ value }: Processed<number>) => of(value * 2) },
          { name: 'squared', topic: 'squares', recordOf: ({ value }: Processed<number>) => of(value ** 2) },
        ]),
      );
  const of = (value: number) => ({ key: null, value: String(value) });
  const options = { exactlyOnce: true, exactlyOnceTopology: orders, inputTopics: ['numbers'] };

  it('need no database, and reach only the topics of the transaction', async () => {
    await using driver = new TopologyTestDriver(options);
    await driver.createInputTopic().pipeValues(['2', '3']);
    await driver.advanceTime(5_000);
    const values = (topic: string) => driver.published(topic).map(({ value }) => value?.toString());
    expect([values('doubles'), values('squares'), driver.committed()]).toEqual([['4', '6'], ['4', '9'], 2]);
    expect(driver.topology.outputs.map(({ name }) => name)).toEqual(['transaction']);
  });

  it('are dead-lettered alone when a topic of the transaction refuses them', async () => {
    await using driver = new TopologyTestDriver(options);
    driver.reject('transaction', ({ value }) => value?.toString() === '3');
    await driver.createInputTopic().pipeValues(['2', '3', '4']);
    await driver.advanceTime(5_000);
    expect(driver.published('doubles').map(({ value }) => value?.toString())).toEqual(['4', '8']);
    expect(driver.deadLetters.map(({ source, error }) => [source.value?.toString(), error.code])).toEqual([
      ['3', 'rejected'],
    ]);
    expect(driver.committed()).toBe(3);
  });
});
