import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { deadLetter, ERROR_HEADERS } from '../../src/dead-letters/format.ts';
import { startBroker } from '../../src/embedded/broker.ts';
import { tallyTopics } from '../../src/embedded/topic-tally.ts';
import { DicomReadError, ParseError } from '../../src/errors.ts';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { type ReadTopicOptions, readTopic, type TopicRecord } from '../../src/kafka/admin/read-topic.ts';
import { ORIGIN_HEADERS, originHeaders } from '../../src/kafka/consumer/origin.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import type { ProducerRecord } from '../../src/kafka/producer/producer-record.ts';
import type { ConsumedRecord, RecordHeader } from '../../src/records/records.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { runCommand, startCommand } from '../support/command.ts';
import { originAt, plain, reconsumed } from './support/consumed-records.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

await describeWith(['kafka', 'postgres'], 'dead letters', ({ kafka, postgres }) => {
  const connection = { 'bootstrap.servers': kafka.brokers };
  const create = (partitions = 1) => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn, partitions });

  async function send(records: readonly ProducerRecord[]): Promise<void> {
    const producer = createProducer({ name: 'test', config: connection, deadlineMs: 30_000 });
    await producer.send(records);
    await producer.close();
  }

  async function read(topic: string, options: ReadTopicOptions = {}): Promise<TopicRecord[]> {
    const records: TopicRecord[] = [];
    for await (const record of readTopic(connection, topic, options)) records.push(record);
    return records;
  }

  /** Returns a function that reads the records that were added to partition 0 since. */
  async function readNext(topic: string): Promise<() => Promise<TopicRecord[]>> {
    const admin = createAdmin(connection);
    const from = new Map((await admin.endOffsets(topic)).map(({ partition, offset }) => [partition, offset]));
    admin.close();
    return () => read(topic, { from });
  }

  /** A record as if consumed from the pipeline's input. */
  function consumed(pipeline: Pipeline, offset: number, fields: Partial<ConsumedRecord> = {}): ConsumedRecord {
    const [key, value] = [Buffer.from(`key ${offset}`), Buffer.from(`VALUE ${offset}`)];
    return { origin: originAt(pipeline.topics.input, offset), key, value, headers: [], ...fields };
  }

  const missing = new DicomReadError('file_missing');
  const notJson = new ParseError('not_json', 'value is not JSON');

  /** Writes dead letters of these records, as the service does. */
  function fail(pipeline: Pipeline, failures: readonly (readonly [ConsumedRecord, DicomReadError | ParseError])[]) {
    return send(
      failures.map(([source, error]) =>
        deadLetter(pipeline.topics.deadLetter, { kind: 'poison', source, error }, originHeaders),
      ),
    );
  }

  const failed = (pipeline: Pipeline, count: number, error: DicomReadError | ParseError = missing) =>
    fail(
      pipeline,
      Array.from({ length: count }, (_, n) => [consumed(pipeline, n), error] as const),
    );

  const keys = (records: readonly TopicRecord[]) => records.map(({ key }) => key?.toString());
  const dlq = (pipeline: Pipeline, ...args: string[]) => runCommand(['dlq', ...args], pipeline.env);

  it('are listed with their code and origin, without key or value', async () => {
    await using pipeline = await create();
    await fail(pipeline, [
      [consumed(pipeline, 7), missing],
      [consumed(pipeline, 9), notJson],
    ]);
    const { code, stdout } = await dlq(pipeline, 'list');
    expect(code).toBe(0);
    expect(stdout).toContain('file_missing');
    expect(stdout).toContain(`${pipeline.topics.input}/0:9`);
    expect(stdout).toContain('2 dead letters');
    expect(stdout).not.toMatch(/key|VALUE/);
  });

  it('are listed as JSON, one object per line, limited and filtered by the options', async () => {
    await using pipeline = await create();
    await fail(pipeline, [
      [consumed(pipeline, 0), missing],
      [consumed(pipeline, 1), notJson],
      [consumed(pipeline, 2), notJson],
    ]);
    const lines = async (...args: string[]) =>
      (await dlq(pipeline, 'list', '--json', ...args)).stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    expect(await lines()).toHaveLength(3);
    expect(await lines('--limit', '2')).toHaveLength(2);
    expect(await lines('--limit', '0')).toEqual([]);
    const [first, ...more] = await lines('--filter', 'ParseError', '--limit', '1');
    expect(more).toEqual([]);
    expect(first).toEqual({
      at: '0:1',
      time: expect.stringMatching(/^20\d\d-.*Z$/),
      code: 'not_json',
      exception: 'ParseError',
      message: 'value is not JSON',
      trace_id: null,
      from: `${pipeline.topics.input}/0:1`,
      redrives: 0,
    });
  });

  it('are found by their code, also those that an earlier version wrote without the header for it', async () => {
    await using pipeline = await create();
    const poison = (offset: number, error: DicomReadError | ParseError) =>
      deadLetter(
        pipeline.topics.deadLetter,
        { kind: 'poison', source: consumed(pipeline, offset), error },
        originHeaders,
      );
    const earlier = (record: ProducerRecord) => ({ ...record, headers: record.headers?.slice(0, -1) ?? [] });
    const field = new ParseError('invalid_field', 'study_uid: missing', ['study_uid']);
    await send([poison(0, notJson), earlier(poison(1, notJson)), poison(2, missing), earlier(poison(3, field))]);
    const found = async (filter: string) =>
      (await dlq(pipeline, 'list', '--json', '--filter', filter)).stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).from.split(':')[1]);
    expect(await found('not_json')).toEqual(['0', '1']);
    expect(await found('invalid_field')).toEqual(['3']);
    expect(await found('null_value')).toEqual([]);
    expect((await dlq(pipeline, 'redrive', '--filter', 'not_json')).stdout).toBe(
      '2 redriven, 2 did not match, 0 skipped (already redriven 3 times)\n',
    );
    expect((await read(pipeline.topics.input)).map(({ headers }) => headers)).toEqual(
      [1, 2].map(() => [['wado.redrives', Buffer.from('1')]]),
    );
  });

  it('show their trace id where the key is one, and no other key', async () => {
    await using pipeline = await create();
    const traceId = '0199e6ae-8148-7e73-8d6c-c435bf126fe4';
    await fail(pipeline, [
      [consumed(pipeline, 0, { key: Buffer.from(traceId) }), notJson],
      [consumed(pipeline, 1, { key: Buffer.from('Doe^Jane') }), notJson],
    ]);
    const { stdout } = await dlq(pipeline, 'list');
    expect(stdout).toMatch(new RegExp(`not_json +${traceId} +20`));
    expect(stdout).not.toContain('Doe');
  });

  it('may be piped to a reader that stops early', async () => {
    await using pipeline = await create();
    await failed(pipeline, 5_000);
    const { child, ended } = startCommand(['dlq', 'list', '--json'], pipeline.env);
    child.stdout?.once('data', () => child.stdout?.destroy());
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('are shown by partition and offset, the value only on request, since it names a patient', async () => {
    await using pipeline = await create();
    const headers: RecordHeader[] = [['trace', Buffer.from('abc')]];
    await fail(pipeline, [
      [consumed(pipeline, 0), notJson],
      [consumed(pipeline, 41, { value: Buffer.from('Müller^Jörg 山田'), headers }), missing],
    ]);
    const { code, stdout } = await dlq(pipeline, 'show', '1');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ at: '0:1', message: 'file_missing', redrives: 0 });
    expect(JSON.parse(stdout).headers).toEqual([
      ['trace', 'abc'],
      [ERROR_HEADERS.exception, 'DicomReadError'],
      [ERROR_HEADERS.message, 'file_missing'],
      [ORIGIN_HEADERS.topic, pipeline.topics.input],
      [ORIGIN_HEADERS.partition, '0'],
      [ORIGIN_HEADERS.offset, '41'],
      [ERROR_HEADERS.code, 'file_missing'],
    ]);
    expect((await dlq(pipeline, 'show', '0:1', '--value')).stdout).toBe(`${stdout}Müller^Jörg 山田\n`);
  });

  it('that do not exist, or whose topic or broker does not exist, are named, with an exit code for each case', async () => {
    await using pipeline = await create();
    await failed(pipeline, 1);
    const { deadLetter: topic } = pipeline.topics;
    expect(await dlq(pipeline, 'show', '0:1')).toMatchObject({
      code: 2,
      stderr: `wado-consumer: there is no dead letter at 0:1 of ${topic}\n`,
    });
    expect(await dlq(pipeline, 'show', 'first')).toMatchObject({
      code: 1,
      stderr: "wado-consumer: expected PARTITION:OFFSET, as dlq list prints it, not 'first'\n",
    });
    const elsewhere = { ...pipeline.env, DEAD_LETTER_TOPIC: `${topic}.other` };
    for (const args of [['list'], ['redrive'], ['show', '0']]) {
      const { code, stderr } = await runCommand(['dlq', ...args], elsewhere);
      expect(code).toBe(2);
      expect(stderr).toContain(`there is no topic ${topic}.other (root.output`);
    }
    const { code, stderr } = await runCommand(['dlq', 'list'], { ...pipeline.env, KAFKA_BROKERS: '127.0.0.1:1' });
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^wado-consumer: reading topic \S+ at 127\.0\.0\.1:1 failed \(ERR__\w+\); check that a broker/,
    );
  });

  it('are redriven byte for byte: key, value and headers, plus a header that counts', {
    timeout: 120 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('', '\xff\xfe\0', '山田^太郎', '{"a":1}', '\r\n\0').map((text) => Buffer.from(text, 'latin1')),
    );
    const header = fc.record({
      name: fc.oneof(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((name) => !name.includes('\0')),
        // Names with a meaning elsewhere: the service's own headers, numbers, properties of every object.
        fc.constantFrom(
          ...Object.values(ERROR_HEADERS),
          ...Object.values(ORIGIN_HEADERS),
          '__streams.errors.stacktrace',
          '0',
          '__proto__',
          'constructor',
        ),
      ),
      value: bytes,
    });
    const record = fc.record({
      key: fc.option(bytes),
      value: fc.option(bytes),
      headers: fc.array(header, { maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 40, maxLength: 120 }), async (records) => {
        const sent = records.map(({ key, value, headers }) => ({
          key: key === null ? null : Buffer.from(key),
          value: value === null ? null : Buffer.from(value),
          headers: headers.map(({ name, value: of }): RecordHeader => [name, Buffer.from(of)]),
        }));
        const fresh = await readNext(pipeline.topics.input);
        await send(sent.map((each) => ({ topic: pipeline.topics.input, ...each })));
        const incoming = await fresh();
        expect(incoming.map(plain)).toEqual(sent.map(plain));
        const back = await readNext(pipeline.topics.input);
        await fail(
          pipeline,
          incoming.map((each) => [reconsumed(each), missing]),
        );
        expect(await dlq(pipeline, 'redrive')).toMatchObject({ code: 0 });
        const count: RecordHeader = ['wado.redrives', Buffer.from('1')];
        expect((await back()).map(plain)).toEqual(
          incoming.map((each) => plain({ ...each, headers: [...each.headers, count] })),
        );
      }),
      { numRuns: 8, interruptAfterTimeLimit: 60 * SECONDS },
    );
  });

  it('are only counted by a dry run, which commits no progress', async () => {
    await using pipeline = await create();
    await failed(pipeline, 3);
    expect(await dlq(pipeline, 'redrive', '--dry-run')).toMatchObject({
      code: 0,
      stdout: '3 would be redriven, 0 did not match, 0 skipped (already redriven 3 times)\n',
    });
    expect(await read(pipeline.topics.input)).toEqual([]);
    expect((await dlq(pipeline, 'redrive')).stdout).toMatch(/^3 redriven/);
  });

  it('are redriven by filter and in portions, and the progress of each filter is kept', async () => {
    await using pipeline = await create();
    await fail(
      pipeline,
      Array.from({ length: 10 }, (_, n) => [consumed(pipeline, n), n % 2 === 0 ? missing : notJson] as const),
    );
    const redriven = async (...args: string[]) => {
      const before = (await read(pipeline.topics.input)).length;
      expect(await dlq(pipeline, 'redrive', ...args)).toMatchObject({ code: 0 });
      return keys(await read(pipeline.topics.input)).slice(before);
    };
    expect(await redriven('--filter', 'file_missing', '--limit', '2')).toEqual(['key 0', 'key 2']);
    expect(await redriven('--filter', 'file_missing', '--limit', '2')).toEqual(['key 4', 'key 6']);
    expect(await redriven('--filter', 'file_missing')).toEqual(['key 8']);
    expect(await redriven('--filter', 'file_missing')).toEqual([]);
    expect(await redriven('--filter', 'not JSON', '--limit', '1')).toEqual(['key 1']);
    expect(await redriven('--limit', '0')).toEqual([]);
  });

  it('are redriven between two offsets regardless of the progress, which neither goes back nor skips', async () => {
    await using pipeline = await create();
    await failed(pipeline, 10);
    const redriven = async (...args: string[]) => {
      const before = (await read(pipeline.topics.input)).length;
      expect(await dlq(pipeline, 'redrive', ...args)).toMatchObject({ code: 0 });
      return keys(await read(pipeline.topics.input)).slice(before);
    };
    expect(await redriven('--from', '6', '--to', '8')).toEqual(['key 6', 'key 7']);
    expect(await redriven('--to', '4')).toEqual(['key 0', 'key 1', 'key 2', 'key 3']);
    expect(await redriven('--from', '1', '--to', '2')).toEqual(['key 1']);
    expect(await redriven()).toEqual([4, 5, 6, 7, 8, 9].map((n) => `key ${n}`));
  });

  it('are skipped after they were redriven three times', async () => {
    await using pipeline = await create();
    await failed(pipeline, 1);
    for (let round = 1; round <= 3; round++) {
      expect((await dlq(pipeline, 'redrive')).stdout).toMatch(/^1 redriven/);
      const last = (await read(pipeline.topics.input)).at(-1);
      expect(last?.headers).toEqual([['wado.redrives', Buffer.from(String(round))]]);
      if (last !== undefined) await fail(pipeline, [[reconsumed(last), missing]]);
    }
    expect((await dlq(pipeline, 'redrive')).stdout).toBe(
      '0 redriven, 0 did not match, 1 skipped (already redriven 3 times)\n',
    );
    expect((await dlq(pipeline, 'redrive', '--from', '3', '--max-redrives', '4')).stdout).toMatch(/^1 redriven/);
  });

  it('are all redriven although the redrive is killed, at most 500 of them twice', {
    timeout: 120 * SECONDS,
  }, async () => {
    await using pipeline = await create(3);
    await failed(pipeline, 24_000);
    const admin = createAdmin(connection);
    const back = async () =>
      (await admin.endOffsets(pipeline.topics.input)).reduce((sum, { offset }) => sum + offset, 0);
    const { child, ended } = startCommand(['dlq', 'redrive'], pipeline.env);
    while ((await back()) < 2_000) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    expect(await ended).toMatchObject({ code: null });
    const before = await back();
    admin.close();
    expect(before).toBeLessThan(24_000);
    const { code, stdout } = await dlq(pipeline, 'redrive');
    expect(code).toBe(0);
    const all = keys(await read(pipeline.topics.input));
    expect(new Set(all).size).toBe(24_000);
    expect(all.length).toBeLessThanOrEqual(24_500);
    // It continued; it did not start again.
    expect(stdout).not.toMatch(/^24,000 redriven/);
    expect((await dlq(pipeline, 'redrive')).stdout).toMatch(/^0 redriven/);
  });

  it('are read from the cluster of the outputs and redriven to that of the input', async () => {
    await using pipeline = await create();
    const input = `${pipeline.name}.elsewhere`;
    const broker = await startBroker([input]);
    try {
      await fail(pipeline, [[consumed(pipeline, 0, { origin: originAt(input, 0) }), missing]]);
      const other = ['--set', `input.redpanda.seed_brokers=["${broker.address}"]`];
      expect(await dlq(pipeline, 'redrive', ...other)).toMatchObject({ code: 0 });
      const arrived = await tallyTopics({
        broker: broker.address,
        topics: [input],
        partitionsPerTopic: broker.partitionsPerTopic,
      });
      await vi.waitFor(() => expect(arrived.count(input).records).toBe(1), { timeout: 10 * SECONDS });
      await arrived.close();
    } finally {
      await broker.close();
    }
  });

  it('are stored when they are redriven while the service runs', { timeout: 120 * SECONDS }, async () => {
    await using pipeline = await create();
    const path = join(pipeline.store, 'late', 'image.dcm');
    const meta = storeMeta({ file_path: path });
    await send([{ topic: pipeline.topics.input, key: 'late', value: JSON.stringify(meta) }]);
    const service = pipeline.start({ FILE_WAIT: '100ms' });
    await pipeline.untilCommitted(60 * SECONDS);
    expect((await dlq(pipeline, 'list')).stdout).toContain('file_missing');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, image);
    expect((await dlq(pipeline, 'redrive', '--filter', 'file_missing')).stdout).toMatch(/^1 redriven/);
    await pipeline.untilCommitted(60 * SECONDS);
    expect([...(await pipeline.endState()).objects]).toEqual([meta.trace_id]);
    expect((await service.signal('SIGTERM')).code).toBe(0);
  });
});

const image = buildDicomFile({
  dataSet: {
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
    SOPInstanceUID: '1.2.3.1.1',
    StudyDate: '20250101',
    Modality: 'CT',
    PatientName: 'Made^Up',
    PatientID: 'P1',
    StudyInstanceUID: '1.2.3',
    SeriesInstanceUID: '1.2.3.1',
  },
});
