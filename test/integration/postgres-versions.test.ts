import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import type { Sink } from '../../src/ports.ts';
import { compareVersions } from '../../src/records/version.ts';
import { batchOf, type FileFacts } from '../../src/testing/sink-contract-batches.ts';
import { freshPostgres, type PostgresDatabase } from './postgres-database.ts';
import { UPSTREAM } from './postgres-upstream-schema.ts';
import { describeWith } from './support/services.ts';

await describeWith(['postgres'], 'which row wins in PostgreSQL', ({ postgres }) => {
  let database: PostgresDatabase;
  let sink: Sink;

  async function start(): Promise<void> {
    sink = createPostgresSink({ name: 'postgres', dsn: () => database.dsn, migrate: true });
    await sink.connect();
  }
  beforeEach(async () => {
    database = await freshPostgres(postgres.dsn);
  });
  afterEach(async () => {
    await sink.close();
    await database.drop();
  });

  const trace = (n: number) => `0199e6ae-8148-7e73-8d6c-${String(n).padStart(12, '0')}`;
  const physical = async () =>
    (
      await Promise.all(
        ['object', 'state', 'image'].map((table) =>
          database.query(
            `select ctid::text as at, xmin::text as by, md5(t::text) as row from dicom_${table}_meta t order by ctid`,
          ),
        ),
      )
    ).flat();
  const walBytes = async (work: () => Promise<unknown>) => {
    const [before] = await database.query('select pg_current_wal_insert_lsn() as lsn');
    await work();
    const [after] = await database.query('select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)::int as bytes', [
      before?.lsn,
    ]);
    return Number(after?.bytes);
  };

  it('writes no row version on a replay, and next to no log', async () => {
    await start();
    const batch = batchOf(
      Array.from({ length: 500 }, (_, n) => ({ trace_id: trace(n), series_uid: `1.${n % 9}`, sop_uid: `1.${n}` })),
    );
    // Autovacuum would write to the log, too, right after these inserts.
    for (const table of ['object', 'state', 'image'])
      await database.query(`alter table dicom_${table}_meta set (autovacuum_enabled = off)`);
    const first = await walBytes(() => sink.write(batch));
    const before = await physical();
    await database.query('checkpoint');
    await sink.write(batch); // pays for the full page images after the checkpoint
    const replay = await walBytes(() => sink.write(batch));
    expect(await physical()).toEqual(before);
    expect(replay).toBeLessThan(first / 5);
  });

  it("sets created_time once and moves updated_time by the database's clock", async () => {
    await start();
    const file = { series_uid: '1.1', sop_uid: '1.1.1' };
    await sink.write(batchOf([{ ...file, trace_id: trace(1), created_time: '2020-01-01T00:00:00' }]));
    const now = () => database.query('select localtimestamp::text as now');
    const [before] = await now();
    await sink.write(batchOf([{ ...file, trace_id: trace(2), created_time: '2020-01-02T00:00:00' }]));
    const [after] = await now();
    for (const table of ['state', 'image']) {
      const [row] = await database.query(
        `select created_time::text, updated_time::text, source_time::text, source_trace_id from dicom_${table}_meta`,
      );
      expect(row).toMatchObject({
        created_time: '2020-01-01 00:00:00',
        source_time: '2020-01-02 00:00:00',
        source_trace_id: trace(2),
      });
      expect(String(row?.updated_time) > String(before?.now)).toBe(true);
      expect(String(row?.updated_time) < String(after?.now)).toBe(true);
    }
  });

  it('distinguishes microseconds', async () => {
    await start();
    const at = (micros: string, patient: string): FileFacts => ({
      series_uid: '1.1',
      sop_uid: '1.1.1',
      patient_id: patient,
      created_time: `2026-01-01T00:00:00.${micros}`,
    });
    await sink.write(batchOf([at('000002', 'later')]));
    await sink.write(batchOf([at('000001', 'earlier')]));
    expect(await database.query('select patient_id from dicom_state_meta')).toEqual([{ patient_id: 'later' }]);
  });

  it("compares trace ids by bytes, whatever the database's collation", async (context) => {
    await start();
    const [icu] = await database.query(`select 1 as there from pg_collation where collname = 'en-x-icu'`);
    if (icu === undefined) context.skip('this server lacks the ICU collations');
    await database.query('alter table dicom_state_meta alter source_trace_id type varchar(36) collate "en-x-icu"');
    const written = (letter: string) =>
      sink.write(
        batchOf([{ series_uid: '1.1', sop_uid: '1.1.1', trace_id: letter.padEnd(36, '0'), patient_id: letter }]),
      );
    await written('a');
    await written('B');
    expect(await database.query('select patient_id from dicom_state_meta')).toEqual([{ patient_id: 'a' }]);
  });

  it('is the one that compareVersions chooses, for any two versions of a series', async () => {
    await start();
    const traceId = fc
      .string({ unit: fc.constantFrom('a', 'B', '-', '\u{ff5e}', '\u{1f600}', '\u{e000}', 'é'), maxLength: 4 })
      .map((start) => [...start.padEnd(36, '0')].slice(0, 36).join(''));
    const second = fc.constantFrom('00.000000', '00.000001', '01.5');
    const version = fc.record({ time: second.map((text) => `2026-01-01T00:00:${text.padEnd(9, '0')}`), traceId });
    // Every series is one pair of versions, so that few statements compare many pairs.
    const pairs = [
      [
        { time: '2026-01-01T00:00:00.000000', traceId: '\u{1f600}'.padEnd(37, 'x') },
        { time: '2026-01-01T00:00:00.000000', traceId: '\u{ff5e}'.padEnd(36, 'x') },
      ] as const,
      ...fc.sample(fc.tuple(version, version), 2_000),
    ];
    const file = (pair: number, one: { time: string; traceId: string }): FileFacts => ({
      trace_id: one.traceId,
      created_time: one.time,
      series_uid: `1.${pair}`,
      sop_uid: `1.${pair}.1`,
    });
    const chosen = async () =>
      (await database.rows('state')).map((row) => [row.series_uid, `${row.source_time} ${row.source_trace_id}`]);
    const newest = pairs.map(([a, b], pair) => {
      const { time, traceId: id } = compareVersions(a, b) > 0 ? a : b;
      return [`1.${pair}`, `${time.replace(/\.?0+$/, '')} ${id}`];
    });
    await sink.write(batchOf(pairs.map(([a], pair) => file(pair, a))));
    await sink.write(batchOf(pairs.map(([, b], pair) => file(pair, b))));
    expect(new Map((await chosen()) as [string, string][])).toEqual(new Map(newest as [string, string][]));
  });

  it('replaces an object by a later one with its trace id, and only by that', async () => {
    await start();
    const object = { trace_id: trace(1) };
    await sink.write(batchOf([{ ...object, created_time: '2026-01-01T00:00:00', source_ae: 'A' }]));
    await sink.write(batchOf([{ ...object, created_time: '2026-01-03T00:00:00', source_ae: 'C' }]));
    await sink.write(batchOf([{ ...object, created_time: '2026-01-02T00:00:00', source_ae: 'B' }]));
    expect(await database.query('select source_ae, created_time::text from dicom_object_meta')).toEqual([
      { source_ae: 'C', created_time: '2026-01-03 00:00:00' },
    ]);
  });

  it('takes a row that upstream wrote for older than any, and leaves pregnancy_status to its owner', async () => {
    await database.query(UPSTREAM);
    const [row] = [batchOf([{ series_uid: '1.1', sop_uid: '1.1.1', patient_id: 'OLD' }]).grouped[0]];
    for (const [table, json] of [
      ['dicom_state_meta', row?.state?.json],
      ['dicom_image_meta', row?.image?.json],
    ]) {
      await database.query(`insert into ${table} select * from json_populate_record(null::${table}, $1)`, [json]);
    }
    await database.query('update dicom_state_meta set pregnancy_status = 4');
    await start();
    await sink.write(
      batchOf([{ series_uid: '1.1', sop_uid: '1.1.1', patient_id: 'NEW', created_time: '1999-01-01T00:00:00' }]),
    );
    expect(await database.query('select patient_id, pregnancy_status from dicom_state_meta')).toEqual([
      { patient_id: 'NEW', pregnancy_status: 4 },
    ]);
    expect(await database.query('select patient_id from dicom_image_meta')).toEqual([{ patient_id: 'NEW' }]);
  });

  it("gets past upstream's extra unique indexes when another writer inserts the same series at the same moment", async () => {
    // ON CONFLICT looks at the key first and at the other indexes later. An index that is slow for the service and made before
    // all others holds it in between, until the other writer is done.
    await database.query(UPSTREAM.replace('primary key (tenant_id, study_uid, series_uid)', 'check (true)'));
    await database.query(`
      create function pause(value text) returns text immutable language plpgsql as $$ begin
        if current_setting('application_name') = 'wado-consumer' then perform pg_advisory_xact_lock(42); end if;
        return value;
      end $$`);
    await database.query('drop index index_state_unique, index_state_unique4study, index_state_unique4patient');
    await database.query('create index slow on dicom_state_meta (pause(series_uid))');
    await database.query('alter table dicom_state_meta add primary key (tenant_id, study_uid, series_uid)');
    await database.query(
      'create unique index index_state_unique on dicom_state_meta (tenant_id, study_uid, series_uid, accession_number)',
    );
    await start();
    await database.session(async (other) => {
      await other('select pg_advisory_lock(42)');
      const written = sink.write(batchOf([{ series_uid: '1.1', sop_uid: '1.1.1', patient_id: 'OURS' }]));
      await vi.waitFor(
        async () =>
          expect(
            await other("select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted"),
          ).toEqual([{ n: 1 }]),
        15_000,
      );
      // Upstream's rows have no version.
      const noVersion = { source_time: null, source_trace_id: null };
      const theirs = batchOf([{ series_uid: '1.1', patient_id: 'THEIRS', state: noVersion }]).grouped[0]?.state?.json;
      await other('insert into dicom_state_meta select * from json_populate_record(null::dicom_state_meta, $1)', [
        theirs,
      ]);
      await other('select pg_advisory_unlock(42)');
      expect(await written).toEqual([]);
    });
    expect(await database.query('select patient_id from dicom_state_meta')).toEqual([{ patient_id: 'OURS' }]);
  });

  it('rejects the row that breaks a unique index of another kind', async () => {
    await start();
    await database.query('create unique index one_name on dicom_state_meta (patient_name)');
    const rejections = await sink.write(
      batchOf(
        ['A', 'B', 'B', 'C'].map((name, n) => ({
          trace_id: trace(n),
          series_uid: `1.${n}`,
          state: { patient_name: name },
        })),
      ),
    );
    expect(rejections.map(({ file, error }) => [file.object.identity, error.detail])).toEqual([[trace(2), '23505']]);
  });

  it('lets many writers store the same new series at once', async () => {
    await database.query(UPSTREAM);
    await start();
    const others = Array.from({ length: 3 }, () => createPostgresSink({ name: 'postgres', dsn: () => database.dsn }));
    for (let round = 0; round < 5; round++) {
      const files = Array.from({ length: 100 }, (_, n) => ({
        series_uid: `1.${round}.${n}`,
        sop_uid: `1.${round}.${n}.1`,
      }));
      const batches = [batchOf(files), batchOf(files.toReversed())];
      const rejections = await Promise.all(
        [sink, ...others].flatMap((one) => batches.map((batch) => one.write(batch))),
      );
      expect(rejections.flat()).toEqual([]);
    }
    await Promise.all(others.map((other) => other.close()));
    expect(await database.query('select count(*)::int as n from dicom_state_meta')).toEqual([{ n: 500 }]);
  });
});
