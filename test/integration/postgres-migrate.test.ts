import { afterEach, beforeEach, expect, it } from 'vitest';
import { migratePostgres } from '../../src/databases/postgres/migrate.ts';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { freshPostgres, type PostgresDatabase } from './postgres-database.ts';
import { UPSTREAM, UPSTREAM_STATE } from './postgres-upstream-schema.ts';
import { describeWith } from './support/services.ts';

const CATALOG = `
select 'column' as kind, c.relname as of, a.attname as name, format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end as what
from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relname like 'dicom%meta' and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
union all
select 'index', tablename, indexname, indexdef from pg_indexes where tablename like 'dicom%'
order by 1, 2, 3`;

const catalog = async (database: PostgresDatabase) =>
  (await database.query(CATALOG)).map(({ kind, of, name, what }) => `${kind} ${of}.${name}: ${what}`);

const ADDED = [
  'column dicom_image_meta.source_time: timestamp(6) without time zone',
  'column dicom_image_meta.source_trace_id: character varying(36)',
  'column dicom_state_meta.source_time: timestamp(6) without time zone',
  'column dicom_state_meta.source_trace_id: character varying(36)',
];

const FIRST = '0000_three_tables';
const names = async (dsn: string, options = {}) => (await migratePostgres(dsn, options)).map(({ name }) => name);

await describeWith(['postgres'], 'migratePostgres', ({ postgres }) => {
  let database: PostgresDatabase;
  beforeEach(async () => {
    database = await freshPostgres(postgres.dsn);
  });
  afterEach(() => database.drop());

  /** Writes through the sink, so that a migrated database is known to work. */
  async function writeOne(dsn = database.dsn): Promise<void> {
    const sink = createPostgresSink({ name: 'postgres', dsn: () => dsn });
    await sink.connect();
    expect(await sink.write(batchOf([{}]))).toEqual([]);
    await sink.close();
  }

  it("makes upstream's tables and the two columns in an empty database", async () => {
    const other = await freshPostgres(postgres.dsn);
    await other.query(UPSTREAM);
    expect(await names(database.dsn)).toEqual([FIRST]);
    const columns = (lines: readonly string[]) => lines.filter((line) => line.startsWith('column'));
    expect(columns(await catalog(database))).toEqual([...columns(await catalog(other)), ...ADDED].sort());
    expect((await catalog(database)).filter((line) => line.startsWith('index'))).toEqual([
      expect.stringMatching(/dicom_image_meta.* UNIQUE .*\(tenant_id, study_uid, series_uid, sop_uid\)$/),
      expect.stringMatching(/dicom_object_meta: .*\(tenant_id, patient_id, study_uid, series_uid, sop_uid\)$/),
      expect.stringMatching(/dicom_object_meta.* INDEX .*\(tenant_id, created_time\)$/),
      expect.stringMatching(/dicom_object_meta.* INDEX .*\(tenant_id, study_date\)$/),
      expect.stringMatching(/dicom_object_meta.* UNIQUE .*\(trace_id\)$/),
      expect.stringMatching(/dicom_state_meta.* UNIQUE .*\(tenant_id, study_uid, series_uid\)$/),
      expect.stringMatching(/dicom_state_meta.* INDEX .*\(tenant_id, patient_id, study_uid, series_uid\)$/),
    ]);
    await writeOne();
    await other.drop();
  });

  it('adds the two columns to a database of upstream, and nothing else', async () => {
    await database.query(UPSTREAM);
    const before = await catalog(database);
    expect(await names(database.dsn)).toEqual([FIRST]);
    const after = await catalog(database);
    expect(after.filter((line) => !before.includes(line))).toEqual(ADDED);
    expect(before.filter((line) => !after.includes(line))).toEqual([]);
    await writeOne();
  });

  it('works where upstream made one table only, an early one without pregnancy_status and with an obligatory accession number', async () => {
    const early = UPSTREAM_STATE.replace(' pregnancy_status integer,', '').replace(
      'accession_number varchar(16)',
      'accession_number varchar(16) not null',
    );
    await database.query(early);
    await migratePostgres(database.dsn);
    const sink = createPostgresSink({ name: 'postgres', dsn: () => database.dsn });
    await sink.connect();
    expect(await sink.write(batchOf([{ state: { accession_number: null } }]))).toEqual([]);
    await sink.close();
  });

  it('finds nothing to do a second time, even without the right to change anything', async () => {
    expect(await names(database.dsn)).toEqual([FIRST]);
    const role = freshName('reader');
    await database.query(`create role ${role} login password 'reader'`);
    await database.query(`grant usage on schema drizzle to ${role}`);
    await database.query(`grant select on drizzle.wado_consumer_migrations to ${role}`);
    const before = await catalog(database);
    const dsn = new URL(database.dsn);
    dsn.username = role;
    dsn.password = 'reader';
    expect(await names(dsn.href)).toEqual([]);
    expect(await names(database.dsn)).toEqual([]);
    expect(await catalog(database)).toEqual(before);
    await database.query(`drop owned by ${role}`);
    await database.query(`drop role ${role}`);
  });

  it.each([
    ['a table', 'drop table dicom_image_meta'],
    ['a column that it had added', 'alter table dicom_state_meta drop column source_trace_id'],
  ])('makes %s again that somebody has dropped, and keeps the rows', async (_, drop) => {
    await migratePostgres(database.dsn);
    const before = await catalog(database);
    await writeOne();
    await database.query(drop);
    expect(await names(database.dsn, { dryRun: true })).toEqual([FIRST]);
    expect(await names(database.dsn)).toEqual([FIRST]);
    expect(await catalog(database)).toEqual(before);
    expect(await database.query('select count(*)::int as n from dicom_object_meta')).toEqual([{ n: 1 }]);
    expect(await names(database.dsn)).toEqual([]);
    await writeOne();
  });

  it('does not apply its migrations again for a dropped column that is not theirs', async () => {
    await database.query(UPSTREAM);
    await migratePostgres(database.dsn);
    await database.query('alter table dicom_state_meta drop column pregnancy_status');
    expect(await names(database.dsn)).toEqual([]);
  });

  it('says what it would apply, and changes nothing', async () => {
    const before = await catalog(database);
    const [migration] = await migratePostgres(database.dsn, { dryRun: true });
    expect(migration?.name).toBe(FIRST);
    expect(await catalog(database)).toEqual(before);
    // What it says is all that is missing.
    for (const statement of migration?.statements ?? []) await database.query(statement);
    await writeOne();
    await migratePostgres(database.dsn);
    expect(await names(database.dsn, { dryRun: true })).toEqual([]);
  });

  it('is done once when several processes start together', async () => {
    const applied = await Promise.all(Array.from({ length: 6 }, () => names(database.dsn)));
    expect(applied.flat()).toEqual([FIRST]);
    expect(await database.query('select count(*)::int as n from drizzle.wado_consumer_migrations')).toEqual([{ n: 1 }]);
  });

  it('uses the tables that the search path leads to', async () => {
    await database.query('create schema clinic');
    await database.query(`set search_path = clinic; ${UPSTREAM}`);
    const dsn = `${database.dsn}?options=-c%20search_path%3Dpublic,clinic`;
    await migratePostgres(dsn);
    await writeOne(dsn);
    expect(await database.query('select count(*)::int as n from clinic.dicom_state_meta')).toEqual([{ n: 1 }]);
    expect(await database.query("select to_regclass('public.dicom_state_meta') as there")).toEqual([{ there: null }]);
  });

  it('gives up while a transaction locks the tables, and succeeds afterwards', async () => {
    await database.query(UPSTREAM);
    await database.session(async (other) => {
      await other('begin; select from dicom_state_meta');
      const migrated = migratePostgres(database.dsn, { lockTimeoutMs: 200 });
      await expect(migrated).rejects.toMatchObject({ code: 'conflict', detail: '55P03' });
      await other('commit');
    });
    expect(await names(database.dsn)).toEqual([FIRST]);
  });

  it('says that a right is missing', async () => {
    const role = freshName('weak');
    await database.query(`create role ${role} login password 'weak'`);
    const dsn = new URL(database.dsn);
    dsn.username = role;
    dsn.password = 'weak';
    await expect(migratePostgres(dsn.href)).rejects.toMatchObject({
      name: 'SinkError',
      code: 'misconfigured',
      detail: '42501',
    });
    await database.query(`drop role ${role}`);
  });
});
