import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrateMysql } from '../../src/databases/mysql/migrate.ts';
import { createMysqlSink } from '../../src/databases/mysql/sink.ts';
import { isTransient } from '../../src/operators/retry-transient.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { startTcpProxy } from '../../src/testing/proxy.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { freshMysql, type MysqlDatabase } from './mysql-database.ts';
import { describeMysqls } from './support/mysql-servers.ts';

/** Upstream's only table in MySQL (docs/contract.md, "Tables"): an obligatory accession number, and a unique index that holds it. */
const UPSTREAM = `create table dicom_state_meta (
  tenant_id varchar(64) not null, patient_id varchar(64) not null, study_uid varchar(64) not null, series_uid varchar(64) not null,
  study_uid_hash char(20) not null, series_uid_hash char(20) not null, patient_name varchar(64), patient_sex varchar(1),
  patient_birth_date date, patient_birth_time time, patient_age varchar(16), patient_size double, patient_weight double,
  pregnancy_status int, study_date date not null, study_date_origin char(8) not null, study_time time,
  accession_number varchar(16) not null, study_id varchar(16), study_description varchar(64), modality varchar(16),
  series_number int, series_date date, series_time time, series_description varchar(256), body_part_examined varchar(64),
  protocol_name varchar(64), series_related_instances int, created_time datetime(6), updated_time datetime(6),
  primary key (tenant_id, study_uid, series_uid),
  unique index index_state_unique (tenant_id, study_uid, series_uid, accession_number))`;

const OLD_ROW = `insert into dicom_state_meta (tenant_id, patient_id, study_uid, series_uid, study_uid_hash, series_uid_hash,
  study_date, study_date_origin, accession_number, study_time, series_related_instances, pregnancy_status, created_time, updated_time)
  values ('1234567890', 'OLD', '1.2.3', '1.2.3.1', '1', '2', '2020-01-01', '20200101', 'A1', '10:00:00', 7, 4, '2020-01-01', '2020-01-01')`;

const CATALOG = `select concat(table_name, '.', column_name, ' ', column_type, ' ', coalesce(collation_name, ''), ' ', is_nullable) as line
  from information_schema.columns where table_schema = database() and table_name like 'dicom%' order by table_name, ordinal_position`;

await describeMysqls('migrateMysql', ({ dsn: server }) => {
  let database: MysqlDatabase;
  beforeEach(async () => {
    // The default collation of MySQL and MariaDB folds case.
    database = await freshMysql(server, 'character set utf8mb4 collate utf8mb4_general_ci');
  });
  afterEach(() => database.drop());

  const catalog = async () => (await database.query(CATALOG)).map(({ line }) => String(line));

  async function withSink(work: (sink: ReturnType<typeof createMysqlSink>) => Promise<void>): Promise<void> {
    const sink = createMysqlSink({ name: 'mysql', dsn: () => database.dsn });
    await sink.connect();
    await work(sink);
    await sink.close();
  }

  it('makes the three tables in an empty database, and none with dryRun', async () => {
    const planned = await migrateMysql(database.dsn, { dryRun: true });
    expect(planned.map(({ name }) => name)).toEqual(['0000_three_tables']);
    expect(planned[0]?.statements.join('\n')).toContain('CREATE TABLE IF NOT EXISTS `dicom_state_meta`');
    expect(await catalog()).toEqual([]);
    expect((await migrateMysql(database.dsn)).map(({ name }) => name)).toEqual(['0000_three_tables']);
    expect(await catalog()).toContain('dicom_image_meta.sop_uid varchar(64) utf8mb4_bin NO');
    await withSink(async (sink) => expect(await sink.write(batchOf([{}]))).toEqual([]));
  });

  it("adapts upstream's table and keeps its rows, which count as older than any record", async () => {
    await database.query(UPSTREAM);
    await database.query(OLD_ROW);
    const before = await catalog();
    await migrateMysql(database.dsn);
    const after = (await catalog()).filter((line) => line.startsWith('dicom_state_meta'));
    expect(after.filter((line) => !before.includes(line))).toEqual([
      'dicom_state_meta.tenant_id varchar(64) utf8mb4_bin NO',
      'dicom_state_meta.study_uid varchar(64) utf8mb4_bin NO',
      'dicom_state_meta.series_uid varchar(64) utf8mb4_bin NO',
      'dicom_state_meta.patient_birth_time time(3)  YES',
      'dicom_state_meta.study_time time(3)  YES',
      'dicom_state_meta.accession_number varchar(16) utf8mb4_general_ci YES',
      'dicom_state_meta.series_time time(3)  YES',
      'dicom_state_meta.source_time datetime(6)  YES',
      'dicom_state_meta.source_trace_id varchar(36) utf8mb4_bin YES',
    ]);
    expect((await database.query(OLD_ROW.replace('1.2.3.1', '1.2.3.2').replace("'A1'", 'null'))).length).toBe(0);
    await withSink(async (sink) => {
      const file = { tenant_id: '1234567890', study_uid: '1.2.3', series_uid: '1.2.3.1', patient_id: 'NEW' };
      expect(await sink.write(batchOf([{ ...file, created_time: '1999-01-01T00:00:00' }]))).toEqual([]);
    });
    const [changed, other] = await database.query('select * from dicom_state_meta order by series_uid');
    expect(changed).toMatchObject({ patient_id: 'NEW', series_related_instances: 7, pregnancy_status: 4 });
    expect(changed?.created_time).toBe('2020-01-01 00:00:00.000000');
    expect(other).toMatchObject({ patient_id: 'OLD', accession_number: null, source_time: null });
  });

  it('can be repeated after an interruption at any statement', async () => {
    await database.query(UPSTREAM);
    const [migration] = await migrateMysql(database.dsn, { dryRun: true });
    const statements = migration?.statements ?? [];
    for (const count of [3, 8, 13, statements.length]) {
      await database.session(async (query) => {
        for (const statement of statements.slice(0, count)) await query(statement);
      });
    }
    const finished = await catalog();
    expect(await migrateMysql(database.dsn)).toHaveLength(1);
    expect(await catalog()).toEqual(finished);
  });

  it('finds nothing to do a second time, even without the right to change anything', async () => {
    await migrateMysql(database.dsn);
    const user = freshName('reader').slice(0, 32);
    await database.query(`create user ${user}@'%' identified by 'reader'`);
    await database.query(`grant select on ${database.name}.* to ${user}@'%'`);
    expect(await migrateMysql(database.as(user, 'reader'))).toEqual([]);
    await database.query(`drop user ${user}@'%'`);
  });

  it.each([
    ['a table', 'drop table dicom_image_meta'],
    ['a column that it had added', 'alter table dicom_state_meta drop column source_trace_id'],
  ])('makes %s again that somebody has dropped, and keeps the rows', async (_, drop) => {
    await migrateMysql(database.dsn);
    const before = (await catalog()).sort();
    await withSink(async (sink) => expect(await sink.write(batchOf([{}]))).toEqual([]));
    await database.query(drop);
    expect(await migrateMysql(database.dsn, { dryRun: true })).toHaveLength(1);
    expect(await migrateMysql(database.dsn)).toHaveLength(1);
    expect((await catalog()).sort()).toEqual(before);
    expect(await database.query('select count(*) as n from dicom_object_meta')).toMatchObject([{ n: 1 }]);
    expect(await migrateMysql(database.dsn)).toEqual([]);
    await withSink(async (sink) => expect(await sink.write(batchOf([{}]))).toEqual([]));
  });

  it('is done once when several processes start together', async () => {
    const applied = await Promise.all(Array.from({ length: 5 }, () => migrateMysql(database.dsn)));
    expect(applied.map((each) => each.length).sort()).toEqual([0, 0, 0, 0, 1]);
  });

  it('gives up while a transaction locks the table, and succeeds afterwards', async () => {
    await database.query(UPSTREAM);
    await database.session(async (other) => {
      await other('start transaction');
      await other('select * from dicom_state_meta');
      const migrated = migrateMysql(database.dsn, { lockTimeoutS: 1 });
      await expect(migrated).rejects.toMatchObject({ code: 'conflict', detail: '1205' });
      await other('commit');
    });
    expect(await migrateMysql(database.dsn)).toHaveLength(1);
  });

  it.each(['information_schema', 'get_lock', 'CREATE TABLE'])(
    'gives up when the answer to %s is lost, and succeeds afterwards',
    async (statement) => {
      const { hostname, port } = new URL(database.dsn);
      const line = await startTcpProxy({ target: { host: hostname, port: Number(port) } });
      const hold = line.hold((request) => request.includes(statement));
      const dsn = database.dsn.replace(`:${port}/`, `:${line.port}/`);
      const migrated = migrateMysql(dsn, { answerTimeoutMs: 300 });
      await expect(migrated).rejects.toSatisfy(isTransient);
      hold.release();
      await line.close();
      await migrateMysql(database.dsn);
      expect(await catalog()).toContain('dicom_image_meta.sop_uid varchar(64) utf8mb4_bin NO');
    },
  );

  it('waits for the change of a table that was there before', async () => {
    await database.query(UPSTREAM);
    const { hostname, port } = new URL(database.dsn);
    const line = await startTcpProxy({ target: { host: hostname, port: Number(port) } });
    const hold = line.hold((request) => request.includes('ALTER TABLE'));
    const migrated = migrateMysql(database.dsn.replace(`:${port}/`, `:${line.port}/`), { answerTimeoutMs: 300 });
    await hold.held;
    await sleep(1_000);
    hold.release();
    expect(await migrated).toHaveLength(1);
    await line.close();
  });

  it('says that a right or the database is missing, and never the password', async () => {
    const user = freshName('weak').slice(0, 32);
    await database.query(`create user ${user}@'%' identified by 'CANARY'`);
    await database.query(`grant select on ${database.name}.* to ${user}@'%'`);
    const weak = migrateMysql(database.as(user, 'CANARY'));
    await expect(weak).rejects.toMatchObject({ code: 'misconfigured', detail: '1142' });
    await expect(weak).rejects.not.toMatchObject({ message: expect.stringContaining('CANARY') });
    await database.query(`drop user ${user}@'%'`);
    const elsewhere = database.dsn.replace(database.name, `${database.name}x`);
    await expect(migrateMysql(elsewhere)).rejects.toMatchObject({ code: 'misconfigured', detail: '1049' });
  });
});
