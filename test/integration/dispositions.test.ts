import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { SinkError } from '../../src/errors.ts';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { Delivery } from '../../src/kafka/producer/delivery.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { isTransient } from '../../src/operators/retry-transient.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { batchOf, type FileFacts } from '../../src/testing/sink-contract-batches.ts';
import { freshPostgres, type PostgresDatabase } from './postgres-database.ts';
import { describeWith } from './support/services.ts';

// docs/dispositions.md, row by row, where the real server can be brought to say it. Deadlocks, time-outs, lost connections and the like are
// in postgres-faults.test.ts and postgres-versions.test.ts.
await describeWith(['postgres'], 'an error of PostgreSQL', ({ postgres }) => {
  let database: PostgresDatabase;
  beforeEach(async () => {
    database = await freshPostgres(postgres.dsn);
  });
  afterEach(() => database.drop());

  /** Writes `facts` and a good record, after `prepare` has changed what the sink found when it connected. */
  async function write(facts: FileFacts, prepare = ''): Promise<readonly SinkError[]> {
    const sink = createPostgresSink({ name: 'postgres', dsn: () => database.dsn, migrate: true, connections: 1 });
    try {
      await sink.connect();
      if (prepare !== '') await database.query(prepare);
      const good = { series_uid: '9.9', sop_uid: '9.9.9', image: { width: 8 }, state: { patient_name: null } };
      return (await sink.write(batchOf([facts, good]))).flatMap(({ error }) =>
        error instanceof SinkError ? [error] : [],
      );
    } finally {
      await sink.close();
    }
  }

  describe('about a row is a dead letter', () => {
    const cases: readonly (readonly [sqlstate: string, what: string, facts: FileFacts, prepare: string])[] = [
      ['22001', 'text too long', { image: { sop_class_uid: '1'.repeat(65) } }, ''],
      ['22003', 'a number out of range', { image: { width: 3_000_000_000 } }, ''],
      ['22008', 'no such day', { image: { content_date: '2026-02-31' } }, ''],
      ['22P02', 'not a number', { image: { width: 'wide' } }, ''],
      ['22021', 'NUL', { state: { study_description: 'a\0b' } }, ''],
      ['23502', 'null', { state: { modality: null } }, 'alter table dicom_state_meta alter modality set not null'],
      [
        '54000',
        'too large for an index',
        // Nothing that can be compressed: an index entry may have some 2,700 bytes.
        {
          state: {
            study_description: Array.from({ length: 9_000 }, (_, i) => (i * i * 7_919).toString(36))
              .join('')
              .slice(0, 9_000),
          },
        },
        'alter table dicom_state_meta alter study_description type text; create index on dicom_state_meta (study_description)',
      ],
      ['23514', 'a check', {}, 'alter table dicom_image_meta add constraint narrow check (width < 512)'],
      [
        '23503',
        'a foreign key',
        {},
        'create table wards (name varchar(64) primary key); alter table dicom_state_meta add foreign key (patient_name) references wards',
      ],
      [
        'P0001',
        'an exception in a trigger',
        {},
        'create function refuse() returns trigger language plpgsql as $$ begin raise exception using message = new.sop_uid; end $$; ' +
          'create trigger refuse before insert on dicom_image_meta for each row when (new.width > 8) execute function refuse()',
      ],
    ];
    it.each(cases)('%s, %s', async (sqlstate, _what, facts, prepare) => {
      const [error, ...more] = await write(facts, prepare);
      expect(more).toEqual([]);
      expect(error).toMatchObject({ code: 'rejected', detail: sqlstate });
      expect(isTransient(error)).toBe(false);
    });
  });

  it('about a lock that others hold for longer than lock_timeout is a conflict, and tried again (55P03)', async () => {
    const sink = createPostgresSink({ name: 'postgres', dsn: () => database.dsn, migrate: true, connections: 1 });
    await sink.connect();
    await sink.close();
    await database.query(`alter database "${new URL(database.dsn).pathname.slice(1)}" set lock_timeout = '100ms'`);
    const waiting = createPostgresSink({ name: 'postgres', dsn: () => database.dsn, migrate: false, connections: 1 });
    await waiting.connect();
    const holder = new pg.Client(database.dsn);
    await holder.connect();
    await holder.query('begin; lock table dicom_image_meta in share row exclusive mode');
    const error: unknown = await waiting.write(batchOf([{}])).catch((thrown: unknown) => thrown);
    await holder.query('rollback');
    await holder.end();
    expect(error).toMatchObject({ code: 'conflict', detail: '55P03' });
    expect(isTransient(error)).toBe(true);
    expect(await waiting.write(batchOf([{}]))).toEqual([]);
    await waiting.close();
  });

  describe('about the tables makes the database out of order, and is tried again', () => {
    const cases: readonly (readonly [sqlstate: string, what: string, named: string, prepare: string])[] = [
      ['42P01', 'a table is missing', 'dicom_image_meta:missing', 'drop table dicom_image_meta'],
      [
        '42703',
        'a column is missing',
        'dicom_image_meta.window_width:missing',
        'alter table dicom_image_meta drop column window_width',
      ],
      ['42P10', 'the key is missing', '42P10', 'alter table dicom_image_meta drop constraint pk_dicom_image_meta'],
    ];
    it.each(cases)('%s, %s', async (_sqlstate, _what, named, prepare) => {
      const error: unknown = await write({}, prepare).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'unavailable', detail: expect.stringContaining(`out of order: ${named}`) });
      expect(isTransient(error)).toBe(true);
    });
  });

  describe('about logging in is tried again', () => {
    const cases = [
      ['28000', 'no right to log in', 'nologin'],
      ['53300', 'too many connections', 'login connection limit 0'],
    ] as const;
    it.each(cases)('%s, %s', async (sqlstate, _what, attributes) => {
      const role = freshName('role');
      await database.query(`create role ${role} ${attributes}`);
      const dsn = new URL(database.dsn);
      dsn.username = role;
      const sink = createPostgresSink({ name: 'postgres', dsn: () => dsn.href, migrate: false, connections: 1 });
      const error: unknown = await sink.connect().catch((thrown: unknown) => thrown);
      await sink.close();
      await drop(role);
      expect(error).toMatchObject({ code: 'unavailable', detail: sqlstate });
      expect(isTransient(error)).toBe(true);
    });

    async function drop(role: string): Promise<void> {
      const client = new pg.Client(postgres.dsn);
      await client.connect();
      await client.query(`drop role ${role}`);
      await client.end();
    }
  });
});

await describeWith(['kafka'], 'an error of Kafka', ({ kafka }) => {
  async function send(brokers: string, topic: string, key: string | null, bytes: number): Promise<unknown> {
    // Long enough for the leader of a topic that was made a moment ago; where there is no broker at all, that long is waited.
    const timeoutMs = brokers === kafka.brokers ? 20_000 : 3_000;
    const config = { 'bootstrap.servers': brokers, 'message.timeout.ms': timeoutMs };
    const producer = createProducer({ name: 'topic', config, deadlineMs: timeoutMs + 2_000 });
    const error: unknown = await producer
      .send([{ topic, key, value: Buffer.alloc(bytes) }])
      .catch((thrown: unknown) => thrown);
    await producer.close();
    return error;
  }
  async function withTopic(
    config: Record<string, string>,
    work: (topic: string) => Promise<void>,
    partitions = 1,
  ): Promise<void> {
    const admin = createAdmin({ 'bootstrap.servers': kafka.brokers });
    const topic = freshName('topic');
    try {
      await admin.createTopics([topic], partitions, config);
      await work(topic);
    } finally {
      await admin.deleteTopics([topic]);
      admin.close();
    }
  }

  /** Sends 300 records in batches, of which some are bad; returns the indices of those that were refused. */
  async function refusedOf(topic: string, recordOf: (n: number) => { key: string | null; bytes: number }) {
    const config = { 'bootstrap.servers': kafka.brokers, 'enable.idempotence': true, 'linger.ms': 10 };
    const producer = createProducer({ name: 'topic', config, deadlineMs: 20_000 });
    const records = Array.from({ length: 300 }, (_, n) => {
      const { key, bytes } = recordOf(n);
      return { topic, key, value: Buffer.alloc(bytes) };
    });
    const refused = await producer.deliver(new Delivery(records));
    await producer.close();
    return refused.map(({ index, error }) => [index, error.detail]);
  }

  async function recordsIn(topic: string): Promise<number> {
    const admin = createAdmin({ 'bootstrap.servers': kafka.brokers });
    const ends = await admin.endOffsets(topic);
    admin.close();
    return ends.reduce((sum, { offset }) => sum + offset, 0);
  }

  it('about a batch that is too large is not about its records, of whichever partition', () =>
    withTopic(
      { 'max.message.bytes': '20000' },
      async (topic) => {
        expect(await refusedOf(topic, (n) => ({ key: `k${n}`, bytes: 1_000 }))).toEqual([]);
        expect(await recordsIn(topic)).toBe(300);
        const large = (n: number) => ({ key: `k${n}`, bytes: n === 7 || n === 250 ? 30_000 : 1_000 });
        expect(await refusedOf(topic, large)).toEqual([7, 250].map((n) => [n, 'ERR_MSG_SIZE_TOO_LARGE']));
        expect(await recordsIn(topic)).toBe(598);
      },
      3,
    ));

  it('about a record that breaks the topic’s rules is not about the other records of its batch', () =>
    withTopic({ 'cleanup.policy': 'compact' }, async (topic) => {
      const keyless = (n: number) => ({ key: n % 100 === 3 ? null : `k${n}`, bytes: 10 });
      expect(await refusedOf(topic, keyless)).toEqual([3, 103, 203].map((n) => [n, 'ERR_INVALID_RECORD']));
      expect(await recordsIn(topic)).toBe(297);
    }));

  it('about a topic that does not accept the time of any record refuses each of them', () =>
    withTopic({ 'message.timestamp.before.max.ms': '0', 'message.timestamp.after.max.ms': '0' }, async (topic) => {
      const refused = await refusedOf(topic, (n) => ({ key: `k${n}`, bytes: 10 }));
      expect(new Set(refused.map(([, detail]) => detail))).toEqual(new Set(['ERR_INVALID_TIMESTAMP']));
      expect(refused.length + (await recordsIn(topic))).toBe(300);
    }));

  it('about a record that is too large for its topic is a dead letter', () =>
    withTopic({ 'max.message.bytes': '200' }, async (topic) => {
      const error = await send(kafka.brokers, topic, 'k', 400);
      expect(error).toMatchObject({ code: 'rejected', detail: 'ERR_MSG_SIZE_TOO_LARGE' });
      expect(isTransient(error)).toBe(false);
    }));

  it('about a record that the topic’s rules refuse is a dead letter', () =>
    withTopic({ 'cleanup.policy': 'compact' }, async (topic) => {
      const error = await send(kafka.brokers, topic, null, 4);
      expect(error).toMatchObject({ code: 'rejected', detail: 'ERR_INVALID_RECORD' });
      expect(isTransient(error)).toBe(false);
    }));

  it('about a broker that is not there is tried again', async () => {
    const error = await send('127.0.0.1:1', 'topic', 'k', 4);
    expect(error).toMatchObject({ code: 'unavailable', detail: expect.stringMatching(/^ERR_/) });
    expect(isTransient(error)).toBe(true);
  });
});
