import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { timesPublished } from '../support/times-published.ts';
import { alterConfig } from './support/kafka-tool.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

/** Just below what a broker accepts by default: with the error headers, a dead letter of it is larger. */
const NEARLY_A_MEBIBYTE = 1_048_408;

const MODES = [
  ['at least once', []],
  ['--exactly-once', ['--exactly-once']],
] as const;

await describeWith(['kafka', 'postgres'], 'an output topic', ({ kafka, postgres }) => {
  const create = (partitions = 6) => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn, partitions });

  /** The shipped configuration without compression, so that sizes are what they seem, and with a client id of its own. */
  function plainConfig(pipeline: Pipeline): string {
    const text = readFileSync('redpanda.yaml', 'utf8');
    const path = join(pipeline.folder, 'redpanda.yaml');
    const clientId = `client_id: ${pipeline.name}`;
    writeFileSync(
      path,
      text.replaceAll('compression: lz4', 'compression: none').replaceAll(/client_id: .*/g, clientId),
    );
    return path;
  }

  async function send(topic: string, key: string, value: Buffer, config: Record<string, unknown> = {}): Promise<void> {
    const limits = { 'message.max.bytes': 8 * 1024 ** 2, ...config };
    const settings = { 'bootstrap.servers': kafka.brokers, ...limits };
    const producer = createProducer({ name: 'test', config: settings, deadlineMs: 30_000 });
    await producer.send([{ topic, key, value }]);
    await producer.close();
  }

  async function deadLetterSizes(pipeline: Pipeline): Promise<readonly number[]> {
    const sizes: number[] = [];
    const connection = { 'bootstrap.servers': kafka.brokers, 'isolation.level': 'read_committed' };
    for await (const { value } of readTopic(connection, pipeline.topics.deadLetter)) sizes.push(value?.length ?? 0);
    return sizes;
  }

  it.each(MODES)(
    'that takes a record, but not a batch of them, gets all of them and no dead letter (%s)',
    {
      timeout: 120 * SECONDS,
    },
    async (_, args) => {
      await using pipeline = await create(1);
      await alterConfig(kafka.brokers, { type: 'topics', name: pipeline.topics.image }, 'max.message.bytes=20000');
      const load = await pipeline.publish({ count: 3_000 });
      pipeline.start({}, args, { config: plainConfig(pipeline) });
      await pipeline.untilCommitted(90 * SECONDS);
      expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    },
  );

  it('whose broker throttles the service gets each record once', { timeout: 240 * SECONDS }, async () => {
    await using pipeline = await create();
    const records = 2_000;
    await alterConfig(kafka.brokers, { type: 'clients', name: pipeline.name }, 'producer_byte_rate=50000');
    const load = await pipeline.publish({ count: records });
    const service = pipeline.start({}, [], { config: plainConfig(pipeline) });
    await pipeline.untilCommitted(200 * SECONDS);
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    const images = await timesPublished(pipeline, pipeline.topics.image, 'sop_uid');
    expect([...images.values()].reduce((sum, times) => sum + times, 0)).toBe(records);
    expect((await service.signal('SIGTERM')).code).toBe(0);
    expect(pipeline.logText()).toContain('Kafka throttles the producer because of a quota');
  });

  it.each(MODES)(
    'for dead letters takes poison that is nearly as large as a broker accepts (%s)',
    {
      timeout: 120 * SECONDS,
    },
    async (_, args) => {
      await using pipeline = await create(1);
      await alterConfig(
        kafka.brokers,
        { type: 'topics', name: pipeline.topics.deadLetter },
        'max.message.bytes=4000000',
      );
      await send(pipeline.topics.input, 'incompressible', randomBytes(NEARLY_A_MEBIBYTE));
      await send(pipeline.topics.input, 'gzip', Buffer.alloc(2 * 1024 ** 2, 'x'), { 'compression.codec': 'gzip' });
      pipeline.start({}, args, { config: plainConfig(pipeline) });
      await pipeline.untilCommitted(60 * SECONDS);
      expect(await deadLetterSizes(pipeline)).toEqual([NEARLY_A_MEBIBYTE, 2 * 1024 ** 2]);
    },
  );

  it.each(MODES)(
    'that refuses a dead letter stalls its partition only, until the limit is raised (%s)',
    {
      timeout: 180 * SECONDS,
    },
    async (_, args) => {
      await using pipeline = await create(2);
      const { input, deadLetter } = pipeline.topics;
      await send(input, 'poison', randomBytes(NEARLY_A_MEBIBYTE));
      const load = await pipeline.publish({ count: 400 });
      const service = pipeline.start({}, args, { config: plainConfig(pipeline) });
      const admin = createAdmin({ 'bootstrap.servers': kafka.brokers });
      const lags = async () => {
        const committed = new Map(
          (await admin.committedOffsets(pipeline.group, input)).map((p) => [p.partition, p.offset]),
        );
        return (await admin.endOffsets(input)).map(({ partition, offset }) => offset - (committed.get(partition) ?? 0));
      };
      await expect
        .poll(async () => (await lags()).filter((lag) => lag === 0).length, { timeout: 60 * SECONDS })
        .toBe(1);
      await sleep(5 * SECONDS);
      expect((await lags()).filter((lag) => lag > 0)).toHaveLength(1);
      const log = pipeline.logText();
      expect(log).toMatch(/max\.message\.bytes/);
      expect(log).toMatch(/max_message_bytes/);
      expect(log).toContain(deadLetter);

      await alterConfig(kafka.brokers, { type: 'topics', name: deadLetter }, 'max.message.bytes=2000000');
      await pipeline.untilCommitted(60 * SECONDS);
      admin.close();
      expect(await deadLetterSizes(pipeline)).toEqual([NEARLY_A_MEBIBYTE]);
      const found = await pipeline.endState();
      expect(differences({ ...found, deadLetters: new Set() }, expectedState(load))).toEqual([]);
      expect((await service.signal('SIGTERM')).code).toBe(0);
    },
  );
});
