import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, it, vi } from 'vitest';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { ERROR_HEADERS } from '../../src/dead-letters/format.ts';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { seededRandom } from '../../src/samples/seeded-random.ts';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import type { ServiceProcess } from '../../src/testing/service-process.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { runCommand } from '../support/command.ts';
import { balanceOf } from '../support/metrics.ts';
import { freshPostgres } from './postgres-database.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

await describeWith(['kafka', 'postgres'], 'the books of the built service', ({ kafka, postgres }) => {
  const connection = { 'bootstrap.servers': kafka.brokers };
  const create = (partitions = 6) => Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn, partitions });

  async function send(pipeline: Pipeline, values: readonly string[]): Promise<void> {
    const producer = createProducer({ name: 'test', config: connection, deadlineMs: 30_000 });
    await producer.send(values.map((value, n) => ({ topic: pipeline.topics.input, key: `${n}`, value })));
    await producer.close();
  }

  async function deadLetterMessages(pipeline: Pipeline): Promise<readonly string[]> {
    const messages: string[] = [];
    for await (const { headers } of readTopic(connection, pipeline.topics.deadLetter)) {
      messages.push(new Map(headers).get(ERROR_HEADERS.message)?.toString() ?? '');
    }
    return messages.sort();
  }

  /** Every row of all three tables as text, without the columns that say when the database was told. */
  async function tables(pipeline: Pipeline, without: readonly string[]): Promise<readonly string[]> {
    const client = new pg.Client(pipeline.dsn);
    await client.connect();
    try {
      const found: string[] = [];
      for (const table of ['dicom_object_meta', 'dicom_state_meta', 'dicom_image_meta']) {
        const { rows } = await client.query(
          `select (to_jsonb(t) - $1::text[])::text as row from ${table} t order by 1`,
          [without],
        );
        found.push(...rows.map(({ row }) => `${table} ${row}`));
      }
      return found;
    } finally {
      await client.end();
    }
  }

  it('balance at any time: consumed = acked + dead-lettered + released + in flight + waiting', {
    timeout: 200 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: 6_000, poisonEvery: 100 });
    // Files that come late: for a while they are neither done nor lost.
    const late = load
      .filter(({ expected }, n) => expected !== undefined && n % 50 === 3)
      .map(({ value }) => pathOf(value));
    for (const path of late) renameSync(path, `${path}.part`);
    const services: ServiceProcess[] = [];
    const looks = new Map<ServiceProcess, number>();
    const seen = { waiting: 0, inFlight: 0, released: 0 };
    const wrong: string[] = [];
    let looking = true;
    const look = async (service: ServiceProcess) => {
      const metrics = await service.metrics();
      if (metrics === undefined) return;
      const { consumed, booked } = balanceOf(metrics);
      if (consumed !== booked) wrong.push(`consumed ${consumed}, booked ${booked}`);
      if (consumed > 0) looks.set(service, (looks.get(service) ?? 0) + 1);
      seen.waiting = Math.max(seen.waiting, metrics.get('wado_records_waiting') ?? 0);
      seen.inFlight = Math.max(seen.inFlight, metrics.get('wado_records_in_flight') ?? 0);
      seen.released = Math.max(seen.released, metrics.get('wado_records_released') ?? 0);
    };
    const watching = (async () => {
      while (looking) {
        for (const service of services) await look(service);
        await sleep(5);
      }
    })();
    const start = () => {
      const service = pipeline.start({ FILE_WAIT: '30s' });
      services.push(service);
      return service;
    };
    const service = start();
    await vi.waitFor(() => expect(seen.waiting).toBeGreaterThan(0), { timeout: 20 * SECONDS });
    // Another member takes partitions over, and with them records that the first one holds.
    start();
    await vi.waitFor(() => expect(seen.released).toBeGreaterThan(0), { timeout: 20 * SECONDS });
    for (const path of late) renameSync(`${path}.part`, path);
    await pipeline.untilCommitted(100 * SECONDS);
    await vi.waitFor(() => expect(services.every((each) => (looks.get(each) ?? 0) >= 5)).toBe(true), {
      timeout: 20 * SECONDS,
    });
    looking = false;
    await watching;
    expect(wrong).toEqual([]);
    expect(seen.inFlight).toBeGreaterThan(0);
    for (const each of services) {
      const metrics = (await each.metrics()) ?? new Map<string, number>();
      expect(metrics.get('wado_records_in_flight')).toBe(0);
      expect(metrics.get('wado_records_waiting')).toBe(0);
    }
    expect(differences(await pipeline.endState(), expectedState(load))).toEqual([]);
    expect((await service.signal('SIGTERM')).code).toBe(0);
  });

  for (const [mode, args] of [
    ['at least once', []],
    ['exactly once', ['--exactly-once']],
  ] as const) {
    it(`show a lag within 1 % of the broker's own figure ${mode}, also while nothing moves and more arrives`, {
      timeout: 200 * SECONDS,
    }, async () => {
      await using pipeline = await create();
      await pipeline.publish({ count: 20_000 });
      const agrees = async (least: number) => {
        const shown = (await service.metrics())?.get('redpanda_lag') ?? Number.NaN;
        const real = await pipeline.lag();
        expect(real).toBeGreaterThanOrEqual(least);
        expect(Math.abs(shown - real), `shown ${shown}, real ${real}`).toBeLessThanOrEqual(real / 100);
      };
      const service = pipeline.start({}, args);
      await pipeline.untilAtWork(60 * SECONDS);
      const client = new pg.Client(pipeline.dsn);
      client.on('error', () => undefined);
      await client.connect();
      await client.query('begin; lock table dicom_image_meta in access exclusive mode');
      // The client's statistics are some seconds old at most.
      await vi.waitFor(() => agrees(1_000), { timeout: 30 * SECONDS, interval: 500 });
      await pipeline.publish({ count: 2_000, seed: 2 });
      await vi.waitFor(() => agrees(3_000), { timeout: 30 * SECONDS, interval: 500 });
      await client.query('rollback');
      await client.end();
      await pipeline.untilCommitted(100 * SECONDS);
      await vi.waitFor(() => agrees(0), { timeout: 30 * SECONDS, interval: 500 });
      expect((await service.signal('SIGTERM')).code).toBe(0);
    });
  }

  it('count the unknown fields, and name the field that is missing or of another type, never its value', {
    timeout: 60 * SECONDS,
  }, async () => {
    await using pipeline = await create(1);
    const meta = storeMeta({ file_path: image(pipeline, 'a.dcm', { SOPInstanceUID: '1.2.3.1.1' }) });
    const { patient_id: _, ...without } = meta;
    await send(pipeline, [
      JSON.stringify({ ...meta, transfer_status: 'NeedTransfer', site: 'SECRET', ward: { floor: 1 }, tags: [1, 2] }),
      JSON.stringify(without),
      JSON.stringify({ ...meta, file_size: 'SECRET' }),
      JSON.stringify({ ...meta, created_time: 'SECRET', number_of_frames: 1.5 }),
    ]);
    const service = pipeline.start();
    await pipeline.untilCommitted(30 * SECONDS);
    expect([...(await pipeline.endState()).objects]).toEqual([meta.trace_id]);
    expect((await service.metrics())?.get('wado_unknown_fields')).toBe(3);
    expect((await service.metrics())?.get('wado_records_need_transfer')).toBe(1);
    const messages = await deadLetterMessages(pipeline);
    expect(messages).toHaveLength(3);
    expect(messages[0]).toBe('file_size: expected a whole number, got a string');
    expect(messages[1]).toMatch(/^number_of_frames: expected [^;]+; created_time: expected [^;]+$/);
    expect(messages[2]).toBe('patient_id: missing');
    expect(messages.join()).not.toContain('SECRET');
    expect((await service.signal('SIGTERM')).code).toBe(0);
  });

  it('hold after three replays: the tables are as they were, all columns but updated_time', {
    timeout: 200 * SECONDS,
  }, async () => {
    await using pipeline = await create();
    const load = await pipeline.publish({ count: 2_000 });
    const rows: (readonly string[])[] = [];
    for (let round = 0; round < 4; round++) {
      const service = pipeline.start();
      await pipeline.untilCommitted(60 * SECONDS);
      expect((await service.signal('SIGTERM')).code).toBe(0);
      rows.push(await tables(pipeline, ['updated_time']));
      const reset = await runCommand(['offsets', 'reset', '--to', 'earliest'], pipeline.env);
      expect(reset).toMatchObject({ code: 0, stdout: '2,000 records will be consumed again, 0 will be skipped\n' });
    }
    expect(rows[0]?.length).toBeGreaterThan(load.length * 2);
    for (const replayed of rows.slice(1)) expect(replayed).toEqual(rows[0]);
  });

  it('end in the same rows in any order, doubled and batched otherwise, a corrected PatientID included', {
    timeout: 200 * SECONDS,
  }, async () => {
    await using straight = await create(1);
    await using shuffled = await create(6);
    // Twenty images of five series, each sent three times: with another patient, a later time or the same, and another header.
    const values = Array.from({ length: 60 }, (_, n) => {
      const sop = `1.2.3.9.${n % 20}`;
      const ids = { sop_uid: sop, series_uid: `1.2.3.${n % 5}`, study_uid: '1.2.3', patient_id: `P${n % 4}` };
      const path = image(straight, `${n}.dcm`, {
        SOPInstanceUID: sop,
        SeriesInstanceUID: ids.series_uid,
        PatientID: ids.patient_id,
        SeriesDescription: `version ${n}`,
      });
      const time = `2026-01-01T00:00:${String((n * 7) % 10).padStart(2, '0')}.000`;
      return JSON.stringify(storeMeta({ ...ids, file_path: path, created_time: time }));
    });
    const random = seededRandom(5);
    const twice = [...values, ...values]
      .map((value) => ({ value, at: random.between(0, 1_000_000) }))
      .sort((a, b) => a.at - b.at)
      .map(({ value }) => value);
    await send(straight, values);
    await send(shuffled, twice);
    straight.start({ STORAGE_ROOT: straight.store });
    shuffled.start({ STORAGE_ROOT: straight.store }, ['--set', 'input.redpanda.unordered_processing.batching.count=7']);
    await straight.untilCommitted(60 * SECONDS);
    await shuffled.untilCommitted(60 * SECONDS);
    // When a row was made is the database's to say: two databases differ in it.
    const [rows, others] = await Promise.all(
      [straight, shuffled].map((each) => tables(each, ['created_time', 'updated_time'])),
    );
    expect(rows).toHaveLength(60 + 5 + 20);
    expect(others).toEqual(rows);
  });

  it('store all but the k bad rows of n, which cost at most 2k·log2(n)+k+1 further statements', async () => {
    const database = await freshPostgres(postgres.dsn);
    const sink = createPostgresSink({ name: 'postgres', dsn: () => database.dsn, migrate: true });
    try {
      await sink.connect();
      // A sequence counts on though its statement is rolled back.
      await database.query('create sequence statements');
      await database.query(
        "create function count_statement() returns trigger language plpgsql as $$ begin perform nextval('statements'); return null; end $$",
      );
      await database.query(
        'create trigger counted before insert on dicom_image_meta for each statement execute function count_statement()',
      );
      const [n, bad] = [256, [3, 64, 65, 200, 255]];
      const rejections = await sink.write(
        batchOf(
          Array.from({ length: n }, (_, at) => ({
            sop_uid: `1.2.${at}`,
            ...(bad.includes(at) ? { image: { sop_class_uid: '1'.repeat(65) } } : {}),
          })),
        ),
      );
      expect(rejections.map(({ file }) => JSON.parse(String(file.object.json)).sop_uid).sort()).toEqual(
        bad.map((at) => `1.2.${at}`).sort(),
      );
      expect(rejections.map(({ error }) => [error.code, error.detail])).toEqual(bad.map(() => ['rejected', '22001']));
      expect(await database.rows('image')).toHaveLength(n - bad.length);
      expect(await database.rows('object')).toHaveLength(n - bad.length);
      const [{ statements } = {}] = await database.query('select last_value::int as statements from statements');
      expect(Number(statements) - 1).toBeGreaterThan(bad.length);
      expect(Number(statements) - 1).toBeLessThanOrEqual(2 * bad.length * Math.log2(n) + bad.length + 1);
    } finally {
      await sink.close();
      await database.drop();
    }
  });

  it('are not committed past a poison record while its dead letter is refused, and are once it is taken', {
    timeout: 100 * SECONDS,
  }, async () => {
    await using pipeline = await create(1);
    const admin = createAdmin(connection);
    const deadLetters = pipeline.topics.deadLetter;
    const committed = async () => (await admin.committedOffsets(pipeline.group, pipeline.topics.input))[0]?.offset ?? 0;
    try {
      // A topic that takes no record of this size is as good as none; on a broker that makes topics by itself, none is not to be had.
      await admin.deleteTopics([deadLetters]);
      await vi.waitFor(async () => {
        await admin.createTopics([deadLetters], 1, { 'max.message.bytes': '200' });
        expect(await admin.partitions(deadLetters)).toEqual([0]);
      }, 30 * SECONDS);
      const stored = (n: number) => storeMeta({ file_path: image(pipeline, `${n}.dcm`), sop_uid: `1.2.3.1.${n}` });
      await send(pipeline, [JSON.stringify(stored(0)), `not JSON ${'x'.repeat(400)}`, JSON.stringify(stored(2))]);
      const service = pipeline.start();
      await vi.waitFor(async () => expect((await pipeline.endState()).objects.size).toBe(2), { timeout: 30 * SECONDS });
      await new Promise((resolve) => setTimeout(resolve, 5 * SECONDS));
      expect(await committed()).toBeLessThanOrEqual(1);
      await admin.deleteTopics([deadLetters]);
      await vi.waitFor(async () => {
        await admin.createTopics([deadLetters], 1);
        // Not how many: the service's next attempt may have had the broker make it by itself.
        expect(await admin.partitions(deadLetters)).not.toEqual([]);
      }, 30 * SECONDS);
      await pipeline.untilCommitted(60 * SECONDS);
      expect(await deadLetterMessages(pipeline)).toEqual(['value is not JSON']);
      expect((await service.signal('SIGTERM')).code).toBe(0);
    } finally {
      admin.close();
    }
  });

  it('wait for a file that is late and for one that is half-written, which hold back their own offsets only', {
    timeout: 100 * SECONDS,
  }, async () => {
    await using pipeline = await create(1);
    const metas = Array.from({ length: 10 }, (_, n) =>
      storeMeta({
        file_path: image(pipeline, `${n}.dcm`, { SOPInstanceUID: `1.2.3.1.${n}` }),
        sop_uid: `1.2.3.1.${n}`,
      }),
    );
    const [late = '', cut = ''] = [metas[4]?.file_path, metas[6]?.file_path];
    renameSync(late, `${late}.part`);
    renameSync(cut, `${cut}.whole`);
    writeFileSync(cut, header({ SOPInstanceUID: '1.2.3.1.6' }).subarray(0, 300));
    await send(
      pipeline,
      metas.map((meta) => JSON.stringify(meta)),
    );
    const service = pipeline.start({ FILE_WAIT: '60s' });
    const objects = async () => (await pipeline.endState()).objects.size;
    await vi.waitFor(async () => expect(await objects()).toBe(8), { timeout: 30 * SECONDS, interval: 200 });
    await pipeline.untilLag((lag) => lag === 6, 10 * SECONDS);
    renameSync(`${cut}.whole`, cut);
    await vi.waitFor(async () => expect(await objects()).toBe(9), { timeout: 30 * SECONDS, interval: 200 });
    expect(await pipeline.lag()).toBe(6);
    renameSync(`${late}.part`, late);
    await pipeline.untilCommitted(30 * SECONDS);
    expect(await objects()).toBe(10);
    expect(await deadLetterMessages(pipeline)).toEqual([]);
    expect((await service.signal('SIGTERM')).code).toBe(0);
  });
});

function header(elements: Readonly<Record<string, string>> = {}): Buffer {
  return buildDicomFile({
    dataSet: {
      SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
      SOPInstanceUID: '1.2.3.1.1',
      StudyDate: '20250101',
      Modality: 'CT',
      SeriesDescription: 'made up',
      PatientName: 'Made^Up',
      PatientID: 'P1',
      StudyInstanceUID: '1.2.3',
      SeriesInstanceUID: '1.2.3.1',
      ...elements,
    },
  });
}

/** Writes a file into the pipeline's store; returns its path. */
function image(pipeline: Pipeline, name: string, elements: Readonly<Record<string, string>> = {}): string {
  const path = join(pipeline.store, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, header(elements));
  return path;
}

function pathOf(value: string): string {
  const { file_path: path }: { file_path: string } = JSON.parse(value);
  return path;
}
