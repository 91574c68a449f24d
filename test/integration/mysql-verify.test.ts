import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrateMysql } from '../../src/databases/mysql/migrate.ts';
import { createMysqlSink } from '../../src/databases/mysql/sink.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { freshMysql, type MysqlDatabase } from './mysql-database.ts';
import { describeMysqls } from './support/mysql-servers.ts';

await describeMysqls('the check of the tables at the start', ({ dsn: server }) => {
  let database: MysqlDatabase;
  beforeEach(async () => {
    database = await freshMysql(server);
  });
  afterEach(() => database.drop());

  const connect = async (dsn = database.dsn) => {
    const sink = createMysqlSink({ name: 'mysql', dsn: () => dsn });
    await sink.connect();
    await sink.close();
  };

  it('says which command to run when a table or a column is missing', async () => {
    await expect(connect()).rejects.toMatchObject({
      code: 'misconfigured',
      detail: 'dicom_object_meta:missing, run wado-consumer migrate',
    });
    await migrateMysql(database.dsn);
    await database.query('alter table dicom_image_meta drop column source_time');
    await expect(connect()).rejects.toMatchObject({
      detail: 'dicom_image_meta.source_time:missing, run wado-consumer migrate',
    });
  });

  it.each([
    ['modify patient_name varchar(32)', 'dicom_state_meta.patient_name:type, needs varchar(64)'],
    ['modify series_number smallint', 'dicom_state_meta.series_number:type, needs int'],
    ['modify patient_size float', 'dicom_state_meta.patient_size:type, needs double'],
    ['modify study_time time', 'dicom_state_meta.study_time:type, needs time(3)'],
    ['modify updated_time timestamp(6) null', 'dicom_state_meta.updated_time:type, needs datetime(6)'],
    ['modify source_time datetime', 'dicom_state_meta.source_time:type, needs datetime(6)'],
    ['modify study_id varchar(16) character set latin1', 'dicom_state_meta.study_id:charset, needs utf8mb4'],
    [
      'modify tenant_id varchar(64) character set utf8mb4 collate utf8mb4_general_ci not null',
      'dicom_state_meta.tenant_id:collation, run wado-consumer migrate',
    ],
    ['add column ward int not null', 'dicom_state_meta.ward:not_null, give it a default or allow nulls'],
    [
      'add unique index by_patient (patient_id)',
      'dicom_state_meta by_patient:unique_index, it lacks a part of the key tenant_id, study_uid, series_uid',
    ],
    ['drop index idx_dicom_state_meta_patient, engine=MyISAM', 'dicom_state_meta:engine, needs InnoDB'],
    ['drop primary key', 'dicom_state_meta:key, needs a primary key (tenant_id, study_uid, series_uid)'],
  ])('names what is wrong after: %s', async (change, detail) => {
    await migrateMysql(database.dsn);
    await database.query(`alter table dicom_state_meta ${change}`);
    await expect(connect()).rejects.toMatchObject({ code: 'misconfigured', detail });
  });

  it.each([
    'modify patient_name text',
    'modify series_number bigint',
    'modify study_uid_hash char(20) not null',
    "add column ward varchar(8) not null default 'A'",
    'add unique index by_accession (tenant_id, study_uid, series_uid, accession_number)',
  ])('accepts tables that hold every record after: %s', async (change) => {
    await migrateMysql(database.dsn);
    await database.query(`alter table dicom_state_meta ${change}`);
    await expect(connect()).resolves.toBeUndefined();
  });

  it.each([
    ['select', '1142'],
    ['select, insert', '1142'],
  ])('names the missing privilege of a user with %s only, and never the password', async (privileges, detail) => {
    await migrateMysql(database.dsn);
    const user = freshName('weak').slice(0, 32);
    await database.query(`create user ${user}@'%' identified by 'CANARY'`);
    await database.query(`grant ${privileges} on ${database.name}.* to ${user}@'%'`);
    const attempt = connect(database.as(user, 'CANARY'));
    await expect(attempt).rejects.toMatchObject({ code: 'misconfigured', detail });
    await expect(attempt).rejects.not.toMatchObject({ message: expect.stringContaining('CANARY') });
    await database.query(`grant select, insert, update on ${database.name}.* to ${user}@'%'`);
    await expect(connect(database.as(user, 'CANARY'))).resolves.toBeUndefined();
    await database.query(`drop user ${user}@'%'`);
  });
});
