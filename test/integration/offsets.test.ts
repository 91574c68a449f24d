import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { alterGroupOffsets } from '../../src/kafka/admin/alter-group-offsets.ts';
import { encodeMetadata } from '../../src/kafka/consumer/commit-metadata.ts';
import { GroupQueries } from '../../src/kafka/consumer/group-queries.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { runCommand } from '../support/command.ts';
import { kafkaTool } from './support/kafka-tool.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

await describeWith(['kafka', 'postgres'], "the group's offsets", ({ kafka, postgres }) => {
  const connection = { 'bootstrap.servers': kafka.brokers };
  const create = (partitions = 1) => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn, partitions });
  const offsets = (pipeline: Pipeline, ...args: string[]) => runCommand(['offsets', ...args], pipeline.env);

  /** So many records, which nobody reads in most of these tests. */
  async function fill(pipeline: Pipeline, count: number): Promise<void> {
    const producer = createProducer({ name: 'test', config: connection, deadlineMs: 30_000 });
    const records = Array.from({ length: count }, (_, n) => ({
      topic: pipeline.topics.input,
      key: `${n}`,
      value: '{}',
    }));
    await producer.send(records);
    await producer.close();
  }

  const commit = (pipeline: Pipeline, offset: number) =>
    alterGroupOffsets(connection, pipeline.group, [{ topic: pipeline.topics.input, partition: 0, offset }]);

  async function committed(pipeline: Pipeline): Promise<readonly number[]> {
    const admin = createAdmin(connection);
    const found = await admin.committedOffsets(pipeline.group, pipeline.topics.input);
    admin.close();
    return found.map(({ offset }) => offset);
  }

  it('are shown per partition with the lag, before the first commit and after', async () => {
    await using pipeline = await create(2);
    await fill(pipeline, 10);
    const rows = async () =>
      (await offsets(pipeline, 'show', '--json')).stdout
        .split('\n')
        .filter(Boolean)
        .map((line): { partition: number; committed: number | null; end: number; lag: number } => JSON.parse(line));
    const sum = (figures: readonly number[]) => figures.reduce((a, b) => a + b, 0);
    const before = await rows();
    expect(before.map(({ partition, committed: at }) => [partition, at])).toEqual([
      [0, null],
      [1, null],
    ]);
    expect(sum(before.map(({ lag }) => lag))).toBe(10);
    expect(before[0]?.end).toBeGreaterThan(0);
    await commit(pipeline, before[0]?.end ?? 0);
    expect((await rows())[0]).toMatchObject({ committed: before[0]?.end, lag: 0 });
    const { code, stdout } = await offsets(pipeline, 'show');
    expect(code).toBe(0);
    expect(stdout).toMatch(/topic +partition +begin +committed +end +lag/);
    expect(stdout).toMatch(new RegExp(`${pipeline.topics.input} +1 +0 +none`));
  });

  it('are moved to the beginning, the end, an offset or a time, and nothing beyond what there is', async () => {
    await using pipeline = await create();
    await fill(pipeline, 5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const between = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await fill(pipeline, 7);
    const to = async (where: string) => {
      await commit(pipeline, 10);
      const { code, stdout } = await offsets(pipeline, 'reset', '--to', where);
      expect(code).toBe(0);
      return [...(await committed(pipeline)), stdout.trim()];
    };
    expect(await to('earliest')).toEqual([0, '10 records will be consumed again, 0 will be skipped']);
    expect(await to('latest')).toEqual([12, '0 records will be consumed again, 2 will be skipped']);
    expect(await to('4')).toEqual([4, '6 records will be consumed again, 0 will be skipped']);
    expect(await to('4000')).toEqual([12, '0 records will be consumed again, 2 will be skipped']);
    expect(await to(between)).toEqual([5, '5 records will be consumed again, 0 will be skipped']);
    expect(await to('2200-01-01T00:00:00+01:00')).toEqual([12, '0 records will be consumed again, 2 will be skipped']);
  });

  it('are only counted by a dry run', async () => {
    await using pipeline = await create();
    await fill(pipeline, 12);
    await commit(pipeline, 10);
    expect(await offsets(pipeline, 'reset', '--to', '3', '--dry-run')).toMatchObject({
      code: 0,
      stdout: '7 records would be consumed again, 0 would be skipped\n',
    });
    expect(await committed(pipeline)).toEqual([10]);
  });

  it('are shown with what is done above them and with the gaps, which Kafka ignores and a reset clears', async () => {
    await using pipeline = await create();
    await fill(pipeline, 100);
    const { input: topic } = pipeline.topics;
    const queries = new GroupQueries({ ...connection, 'group.id': pipeline.group });
    const [described] = await queries.topics([topic]);
    await queries.close();
    const log = { topicId: described?.id ?? '', firstPartitions: 1 };
    const { text: metadata } = encodeMetadata(log, 10, [12, 20, 21, 50]);
    await alterGroupOffsets(connection, pipeline.group, [{ topic, partition: 0, offset: 10, metadata }]);

    const { stdout } = await offsets(pipeline, 'show');
    expect(stdout).toMatch(/committed +end +lag +done above +gaps/);
    expect(stdout).toMatch(/10 +100 +90 +37 +2/);
    expect(stdout).toContain(
      `gaps of ${topic}/0:\n  10 to 11: not processed; the next process of the group consumes it\n  20: `,
    );
    expect(JSON.parse((await offsets(pipeline, 'show', '--json')).stdout)).toMatchObject({
      committed: 10,
      lag: 90,
      done: 37,
      gaps: [
        { first: 10, last: 11, why: 'left' },
        { first: 20, last: 20, why: 'left' },
      ],
    });
    const shown = await kafkaTool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', kafka.brokers, [
      ...['--describe', '--group', pipeline.group],
    ]);
    expect(shown).toMatch(new RegExp(`${topic} +0 +10 +100 +90`));

    expect((await offsets(pipeline, 'reset', '--to', '10')).stdout).toBe(
      '37 records will be consumed again, 0 will be skipped\n',
    );
    expect(JSON.parse((await offsets(pipeline, 'show', '--json')).stdout)).toMatchObject({ done: 0, gaps: [] });
  });

  for (const protocol of ['classic', 'consumer']) {
    it(`are not moved while a service of the protocol ${protocol} is in the group, which a dry run may count`, async () => {
      await using pipeline = await create();
      const service = pipeline.start({}, ['--group-protocol', protocol]);
      await fill(pipeline, 3);
      await pipeline.untilCommitted(60 * SECONDS);
      const { code, stdout, stderr } = await offsets(pipeline, 'reset', '--to', 'earliest');
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(`the group ${pipeline.group} (root.input) is active: stop the service first`);
      // Nor would the broker take it from somebody who didn't ask first.
      await expect(commit(pipeline, 0)).rejects.toMatchObject({ code: 'fenced' });
      expect(await committed(pipeline)).toEqual([3]);
      expect(await offsets(pipeline, 'reset', '--to', 'earliest', '--dry-run')).toMatchObject({
        code: 0,
        stdout: '3 records would be consumed again, 0 would be skipped\n',
      });
      expect((await service.signal('SIGTERM')).code).toBe(0);
      expect((await offsets(pipeline, 'reset', '--to', 'earliest')).code).toBe(0);
      expect(await committed(pipeline)).toEqual([0]);
    });
  }

  it('are not moved to an invalid place: the option, the topic and the brokers are named', async () => {
    await using pipeline = await create();
    for (const where of ['first', '-1', '2026-01-31T12:00:00', '2026-02-31T12:00:00Z', '31.1.2026']) {
      const { code, stderr } = await offsets(pipeline, 'reset', '--to', where);
      expect(code).toBe(1);
      expect(stderr).toContain('--to: expected earliest, latest, an offset, or a time with its zone');
    }
    expect(await offsets(pipeline, 'reset')).toMatchObject({ code: 1, stderr: expect.stringContaining('--to') });
    const other = `${pipeline.topics.input}.other`;
    for (const args of [['show'], ['reset', '--to', 'latest']]) {
      const { code, stderr } = await runCommand(['offsets', ...args], { ...pipeline.env, STORAGE_TOPIC: other });
      expect({ code, stderr }).toEqual({ code: 2, stderr: `wado-consumer: there is no topic ${other} (root.input)\n` });
    }
    const away = await runCommand(['offsets', 'show'], { ...pipeline.env, KAFKA_BROKERS: '127.0.0.1:1' });
    expect(away.code).toBe(3);
    expect(away.stderr).toMatch(
      /^wado-consumer: reading the offsets of group \S+ at 127\.0\.0\.1:1 failed \(ERR__\w+\); check that a broker/,
    );
  });
});
