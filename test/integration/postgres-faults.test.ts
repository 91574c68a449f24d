import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createPostgresSink, type PostgresSinkOptions } from '../../src/databases/postgres/sink.ts';
import { SinkError } from '../../src/errors.ts';
import type { Sink } from '../../src/ports.ts';
import { startDatabaseProxy } from '../../src/testing/database-proxy.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { freshPostgres, type PostgresDatabase } from './postgres-database.ts';
import { describeWith } from './support/services.ts';

await describeWith(['postgres'], 'when PostgreSQL is in trouble', ({ postgres }) => {
  let database: PostgresDatabase;
  let sinks: Sink[];
  let roles: string[];

  beforeEach(async () => {
    database = await freshPostgres(postgres.dsn);
    sinks = [];
    roles = [];
  });
  afterEach(async () => {
    await Promise.all(sinks.map((sink) => sink.close()));
    for (const role of roles) await database.query(`drop owned by ${role}; drop role ${role}`);
    await database.drop();
  });

  function sinkOf(options: Partial<PostgresSinkOptions> = {}): Sink {
    const sink = createPostgresSink({
      name: 'postgres',
      dsn: () => database.dsn,
      migrate: true,
      connections: 1,
      ...options,
    });
    sinks.push(sink);
    return sink;
  }
  async function connected(options: Partial<PostgresSinkOptions> = {}): Promise<Sink> {
    const sink = sinkOf(options);
    await sink.connect();
    return sink;
  }
  async function roleWith(attributes: string): Promise<string> {
    const role = freshName('role');
    roles.push(role);
    await database.query(`create role ${role} password 'role' ${attributes}`);
    const dsn = new URL(database.dsn);
    dsn.username = role;
    dsn.password = 'role';
    return dsn.href;
  }
  const oneSeries = (more: object = {}) => batchOf([{ series_uid: '1.1', sop_uid: '1.1.1', ...more }]);
  const blocked = () =>
    vi.waitFor(async () => {
      const waiting =
        "select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'wado-consumer' and wait_event_type = 'Lock'";
      expect(await database.query(waiting)).toEqual([{ n: 1 }]);
    }, 15_000);
  const later = { created_time: '2027-01-01T00:00:00' };

  it('tries a deadlock again', async () => {
    const sink = await connected();
    await sink.write(
      batchOf([
        { series_uid: '1.1', sop_uid: '1.1.1' },
        { series_uid: '1.2', sop_uid: '1.2.1' },
      ]),
    );
    await database.session(async (other) => {
      // The session with the longest deadlock_timeout is not the one that is cancelled.
      await other(
        "begin; set local deadlock_timeout = '30s'; select from dicom_state_meta where series_uid = '1.2' for update",
      );
      const written = sink.write(
        batchOf([
          { series_uid: '1.1', sop_uid: '1', ...later },
          { series_uid: '1.2', sop_uid: '2', ...later },
        ]),
      );
      await blocked();
      await other("select from dicom_state_meta where series_uid = '1.1' for update");
      await other('commit');
      expect(await written).toEqual([]);
    });
    const [stats] = await vi.waitFor(async () => {
      const rows = await database.query(
        'select deadlocks::int as n from pg_stat_database where datname = current_database()',
      );
      expect(rows[0]?.n).toBe(1);
      return rows;
    }, 10_000);
    expect(stats).toEqual({ n: 1 });
  });

  it('tries a serialization failure again', async () => {
    await database.query(
      `alter database ${new URL(database.dsn).pathname.slice(1)} set default_transaction_isolation = 'repeatable read'`,
    );
    const sink = await connected();
    await sink.write(oneSeries());
    await database.session(async (other) => {
      await other("begin; update dicom_state_meta set patient_name = 'X'");
      const written = sink.write(oneSeries(later));
      await blocked();
      await other('commit');
      expect(await written).toEqual([]);
    });
    expect(await database.query('select source_time::text as at from dicom_state_meta')).toEqual([
      { at: '2027-01-01 00:00:00' },
    ]);
  });

  it('gives up on a lock before the statement timeout, and writes when it is free', async () => {
    const sink = await connected({ statementTimeoutMs: 2_000 });
    await sink.write(oneSeries());
    await database.session(async (other) => {
      await other('begin; lock table dicom_state_meta');
      await expect(sink.write(oneSeries(later))).rejects.toMatchObject({ code: 'conflict', detail: '55P03' });
      await other('commit');
    });
    expect(await sink.write(oneSeries(later))).toEqual([]);
  });

  it('survives the end of its connections, idle or busy', async () => {
    const sink = await connected();
    await sink.write(oneSeries());
    const kill =
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'wado-consumer'";
    await database.query(kill);
    await vi.waitFor(async () => expect(await sink.write(oneSeries())).toEqual([]), 15_000);
    await database.session(async (other) => {
      await other('begin; lock table dicom_state_meta');
      const written = sink.write(oneSeries(later));
      const failure = expect(written).rejects.toMatchObject({ code: 'unavailable', detail: '57P01' });
      await blocked();
      await other(kill);
      await failure;
      await other('commit');
    });
    expect(await sink.write(oneSeries(later))).toEqual([]);
  });

  it.each([
    ['is refused', '53300', 'login connection limit 0'],
    ['may not log in', '28000', 'nologin'],
  ])('waits when it %s (%s)', async (_, detail, attributes) => {
    const dsn = await roleWith(attributes);
    await expect(sinkOf({ dsn: () => dsn }).connect()).rejects.toMatchObject({ code: 'unavailable', detail });
  });

  it('takes a new DSN at the next connection', async () => {
    await connected();
    let dsn = await roleWith('nologin');
    const sink = sinkOf({ dsn: () => dsn });
    await expect(sink.connect()).rejects.toMatchObject({ code: 'unavailable' });
    dsn = database.dsn;
    await sink.connect();
    expect(await sink.write(oneSeries())).toEqual([]);
  });

  it('waits while the DSN can not be read', async () => {
    const dsn = () => {
      throw new Error('/secret/path');
    };
    await expect(sinkOf({ dsn }).connect()).rejects.toMatchObject({ code: 'unavailable', detail: 'dsn_unreadable' });
  });

  it('waits while the database is read-only, and writes when it is not', async () => {
    const sink = await connected();
    await sink.write(oneSeries());
    const setReadOnly = (on: boolean) =>
      database.query(
        `alter database ${new URL(database.dsn).pathname.slice(1)} set default_transaction_read_only = ${on}`,
      );
    await setReadOnly(true);
    const second = sinkOf();
    await expect(second.connect()).rejects.toMatchObject({ code: 'unavailable', detail: '25006' });
    await expect(second.write(oneSeries(later))).rejects.toMatchObject({ code: 'unavailable', detail: '25006' });
    await database.query(
      'set default_transaction_read_only = off; ' +
        `alter database ${new URL(database.dsn).pathname.slice(1)} reset default_transaction_read_only`,
    );
    expect(await second.write(oneSeries(later))).toEqual([]);
  });

  it('names what the database lacks and stops', async () => {
    const stop = (detail: string) =>
      expect(sinkOf({ migrate: false }).connect()).rejects.toMatchObject({ code: 'misconfigured', detail });
    await stop('dicom_object_meta:missing, run wado-consumer migrate');
    await connected();
    await database.query('alter table dicom_image_meta drop column source_trace_id');
    await stop('dicom_image_meta.source_trace_id:missing, run wado-consumer migrate');
    await database.query('alter table dicom_image_meta add column source_trace_id varchar(10)');
    await stop('dicom_image_meta.source_trace_id:type, needs varchar(36)');
    await database.query('alter table dicom_image_meta alter column source_trace_id type varchar(36)');
    await database.query('alter table dicom_object_meta add ward text not null');
    await stop('dicom_object_meta.ward:not_null, give it a default or allow nulls');
    await database.query("alter table dicom_object_meta alter ward set default ''");
    await database.query('alter table dicom_image_meta drop constraint pk_dicom_image_meta');
    await stop('42P10');
    const reader = await roleWith('login');
    await expect(sinkOf({ migrate: false, dsn: () => reader }).connect()).rejects.toMatchObject({
      code: 'misconfigured',
    });
    const nowhere = new URL(database.dsn);
    nowhere.pathname = '/no_such_database';
    await expect(sinkOf({ dsn: () => nowhere.href }).connect()).rejects.toMatchObject({
      code: 'misconfigured',
      detail: '3D000',
    });
    await expect(sinkOf({ dsn: () => 'host=db' }).connect()).rejects.toMatchObject({
      code: 'misconfigured',
      detail: 'invalid_dsn',
    });
  });

  it('notices a black hole by its own deadline, when writing and when connecting', async () => {
    const proxy = await startDatabaseProxy(database.dsn);
    const sink = await connected({ dsn: () => proxy.dsn, statementTimeoutMs: 1_000, connectTimeoutMs: 1_500 });
    await sink.write(oneSeries());
    proxy.blackHole(true);
    const started = performance.now();
    await expect(sink.write(oneSeries())).rejects.toMatchObject({ code: 'timeout', detail: 'client_deadline' });
    await expect(sink.write(oneSeries())).rejects.toMatchObject({ code: 'unavailable', detail: 'connect_timeout' });
    expect(performance.now() - started).toBeLessThan(10_000);
    proxy.blackHole(false);
    expect(await sink.write(oneSeries())).toEqual([]);
    await proxy.close();
  });

  it('comes back after resets and refused connections', async () => {
    const proxy = await startDatabaseProxy(database.dsn);
    const sink = await connected({ dsn: () => proxy.dsn });
    await sink.write(oneSeries());
    await proxy.refuse(true);
    await vi.waitFor(
      () => expect(sink.write(oneSeries())).rejects.toMatchObject({ code: 'unavailable', detail: 'ECONNREFUSED' }),
      15_000,
    );
    await proxy.refuse(false);
    expect(await sink.write(oneSeries(later))).toEqual([]);
    await proxy.close();
  });

  it('closes at once though a statement hangs', async () => {
    const sink = await connected();
    await sink.write(oneSeries());
    await database.session(async (other) => {
      await other('begin; lock table dicom_state_meta');
      const written = expect(sink.write(oneSeries(later))).rejects.toMatchObject({ code: 'unavailable' });
      await blocked();
      const started = performance.now();
      await sink.close();
      await written;
      expect(performance.now() - started).toBeLessThan(2_000);
      await other('rollback');
    });
  });

  const CANARY = 'CANARY^PATIENT';
  const bad: readonly [what: string, detail: string, fields: object][] = [
    ['text longer than its column', '22001', { state: { patient_name: CANARY.repeat(9) } }],
    ['a number out of range', '22003', { state: { patient_name: CANARY, series_number: 2 ** 40 } }],
    ['text where a number belongs', '22P02', { state: { series_number: CANARY } }],
    ['a day that does not exist', '22008', { state: { patient_name: CANARY, study_date: '2023-02-30' } }],
    ['a date that is none', '22007', { state: { study_date: CANARY } }],
    ['NUL', '22021', { state: { patient_name: `${CANARY}\0` } }],
    ['half a surrogate pair', 'not_well_formed', { state: { patient_name: `${CANARY}\ud800` } }],
    ['null where a value must be', '23502', { state: { patient_name: CANARY, study_date: null } }],
    ['a value that a check forbids', '23514', { state: { patient_name: CANARY, patient_sex: 'X' } }],
    ['a key too long for its index', '54000', { image: { sop_uid: CANARY } }],
  ];

  it.each(bad)('rejects %s (%s) alone, and never quotes it', async (what, detail, fields) => {
    const sink = await connected();
    await database.query("alter table dicom_state_meta add check (patient_sex <> 'X')");
    if (what.startsWith('a key')) {
      await database.query(`create function wide(value text) returns text immutable language sql as $$
        select case when value like 'CANARY%' then (select string_agg(md5(n::text), '') from generate_series(1, 400) n) end $$`);
      await database.query('create index on dicom_image_meta (wide(sop_uid))');
    }
    const files = Array.from({ length: 20 }, (_, n) => ({
      series_uid: `1.${n}`,
      sop_uid: `1.${n}.1`,
      ...(n === 13 ? fields : {}),
    }));
    const batch = batchOf(files);
    const rejections = await sink.write(batch);
    expect(rejections.map(({ file }) => file)).toEqual([batch.grouped[13]?.file]);
    const error = rejections[0]?.error;
    expect(error).toMatchObject({ code: 'rejected', detail, sink: 'postgres' });
    expect(error).toBeInstanceOf(SinkError);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('CANARY');
    expect(await database.query('select count(*)::int as n from dicom_state_meta')).toEqual([{ n: 19 }]);
  });
});
