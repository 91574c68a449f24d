import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMysqlSink, type MysqlSinkOptions } from '../../src/databases/mysql/sink.ts';
import type { Sink } from '../../src/ports.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { batchOf, type FileFacts } from '../../src/testing/sink-contract-batches.ts';
import { freshMysql, type MysqlDatabase } from './mysql-database.ts';
import { describeMysqls } from './support/mysql-servers.ts';

const GOOD = { series_uid: '1.1', sop_uid: '1.1.1', trace_id: 'good'.padEnd(36, '0') };
const BAD = { series_uid: '1.2', sop_uid: '1.2.1', trace_id: 'bad'.padEnd(36, '0') };

await describeMysqls('the MySQL sink during faults', ({ dsn: server, name }) => {
  let database: MysqlDatabase;
  let sink: Sink;
  const sinks: Sink[] = [];
  beforeEach(async () => {
    database = await freshMysql(server);
    sink = await connected({ migrate: true });
  });
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((each) => each.close()));
    await database.drop();
  });

  async function connected(options: Partial<MysqlSinkOptions> = {}): Promise<Sink> {
    const made = createMysqlSink({ name: 'mysql', dsn: () => database.dsn, connections: 1, ...options });
    sinks.push(made);
    await made.connect();
    return made;
  }

  async function count(table = 'state'): Promise<number> {
    const [row] = await database.query(`select count(*) as rows_there from dicom_${table}_meta`);
    return Number(row?.rows_there);
  }

  /** A user that may use this database only. */
  async function ordinaryUser(limits = ''): Promise<{ name: string; dsn: string }> {
    const user = freshName('user').slice(0, 32);
    await database.query(`create user ${user}@'%' identified by 'user'`);
    await database.query(`grant all on ${database.name}.* to ${user}@'%'`);
    if (limits !== '') await database.query(`alter user ${user}@'%' with ${limits}`);
    return { name: user, dsn: database.as(user, 'user') };
  }

  const refusals: readonly { title: string; numbers: readonly string[]; facts: FileFacts; ddl?: readonly string[] }[] =
    [
      { title: 'text too long', numbers: ['1406'], facts: { state: { study_id: '1'.repeat(17) } } },
      { title: 'number out of range', numbers: ['1264'], facts: { state: { series_number: 2 ** 31 } } },
      { title: 'no such date', numbers: ['1292'], facts: { state: { series_date: '2026-02-30' } } },
      { title: 'not a number', numbers: ['1366'], facts: { state: { series_number: 'x' } } },
      { title: 'null where none may be', numbers: ['1048'], facts: { state: { study_uid_hash: null } } },
      {
        title: 'a check constraint',
        numbers: ['3819', '4025'],
        facts: { state: { patient_sex: 'X' } },
        ddl: ["alter table dicom_state_meta add constraint sexes check (patient_sex in ('F', 'M', 'O'))"],
      },
      {
        title: 'a foreign key',
        numbers: ['1452'],
        facts: { state: { modality: 'XX' } },
        ddl: [
          'create table modalities (code varchar(16) character set utf8mb4 collate utf8mb4_bin primary key)',
          "insert into modalities values ('CT')",
          'alter table dicom_state_meta add foreign key (modality) references modalities (code)',
        ],
      },
      {
        title: 'a trigger',
        numbers: ['1644'],
        facts: { state: { patient_name: 'BAD' } },
        ddl: [
          'create trigger refuse before insert on dicom_state_meta for each row ' +
            "if new.patient_name = 'BAD' then signal sqlstate '45000'; end if",
        ],
      },
    ];

  it.each(refusals)('refuses only the record at fault: $title', async ({ numbers, facts, ddl = [] }) => {
    for (const statement of ddl) await database.query(statement);
    const rejections = await sink.write(batchOf([GOOD, { ...BAD, ...facts }]));
    expect(rejections.map(({ file }) => file.object.identity)).toEqual([BAD.trace_id]);
    expect(numbers).toContain(rejections[0]?.error.detail);
    expect(rejections[0]?.error.message).not.toContain('127.0.0.1');
    expect([await count('object'), await count('state'), await count('image')]).toEqual([1, 1, 1]);
  });

  it('needs few statements for a bad record among many, because the server names it', async () => {
    const files = Array.from({ length: 100 }, (_, n) => ({
      ...GOOD,
      sop_uid: `1.1.${n}`,
      trace_id: `${n}`.padEnd(36, '0'),
    }));
    const bad = files.map((file, n) => (n === 57 ? { ...file, image: { sop_class_uid: '1'.repeat(65) } } : file));
    const inserts = async () => {
      const [row] = await database.query("show global status like 'Com_insert'");
      return Number(row?.Value);
    };
    const before = await inserts();
    expect(await sink.write(batchOf(bad))).toHaveLength(1);
    // Three tables each: all records, the others, and the bad one alone before it is given up.
    expect((await inserts()) - before).toBeLessThanOrEqual(9);
    expect(await count('image')).toBe(99);
  });

  it.each([
    [1213, '40001', 'conflict'],
    [1021, 'HY000', 'unavailable'],
    [1114, 'HY000', 'unavailable'],
    [1053, '08S01', 'unavailable'],
    [1180, 'HY000', 'unavailable'],
    [1637, 'HY000', 'unavailable'],
  ])('retries %s, raised by a trigger, and dead-letters nothing', async (errno, sqlState, code) => {
    await database.query(
      `create trigger fail before insert on dicom_image_meta for each row signal sqlstate '${sqlState}' set mysql_errno = ${errno}`,
    );
    const batch = batchOf([GOOD, BAD]);
    await expect(sink.write(batch)).rejects.toMatchObject({ code, detail: String(errno) });
    expect(await count('object')).toBe(0);
    await database.query('drop trigger fail');
    expect(await sink.write(batch)).toEqual([]);
    expect(await count('image')).toBe(2);
  });

  it('stores all records but those of a row that another session has locked (1205)', async () => {
    expect(await sink.write(batchOf([BAD]))).toEqual([]);
    await database.session(async (other) => {
      await other('set session transaction isolation level read committed');
      await other('start transaction');
      await other("select * from dicom_state_meta where series_uid = '1.2' for update");
      const batch = batchOf([GOOD, { ...BAD, created_time: '2027-01-01T00:00:00' }]);
      await expect(sink.write(batch)).rejects.toMatchObject({ code: 'conflict', detail: '1205' });
      expect(await count()).toBe(2);
      await other('commit');
      expect(await sink.write(batch)).toEqual([]);
    });
  });

  it('resolves a deadlock (1213) by itself', async () => {
    const deadlocks = async () => {
      const [row] = await database.query(
        "select count from information_schema.innodb_metrics where name = 'lock_deadlocks'",
      );
      return Number(row?.count);
    };
    expect(await sink.write(batchOf([GOOD, BAD]))).toEqual([]);
    await database.query('create table ballast (n int)');
    const before = await deadlocks();
    await database.session(async (other) => {
      await other('set session transaction isolation level read committed');
      await other('start transaction');
      // The server ends the transaction that has changed fewer rows: the sink's.
      await other(`insert into ballast values ${Array.from({ length: 500 }, (_, n) => `(${n})`).join(',')}`);
      await other("update dicom_image_meta set patient_id = 'OTHER' where series_uid = '1.1'");
      const newer = { created_time: '2027-01-01T00:00:00' };
      const written = sink.write(
        batchOf([
          { ...GOOD, ...newer },
          { ...BAD, ...newer },
        ]),
      );
      // The sink holds the rows of states and waits for the image.
      await new Promise((resolve) => setTimeout(resolve, 500));
      await other("update dicom_state_meta set patient_id = 'OTHER' where series_uid = '1.1'");
      await other('commit');
      expect(await written).toEqual([]);
    });
    expect(await deadlocks()).toBeGreaterThan(before);
    expect((await database.rows('state')).map(({ patient_id }) => patient_id)).not.toContain('OTHER');
  });

  it('retries while the server is read-only (1290), refuses logins (1045) or has no connection left', async () => {
    const user = await ordinaryUser();
    let dsn = user.dsn;
    const weak = await connected({ dsn: () => dsn });
    const batch = batchOf([GOOD]);
    await database.query('set global read_only = 1');
    try {
      await expect(weak.write(batch)).rejects.toMatchObject({ code: 'unavailable', detail: '1290' });
    } finally {
      await database.query('set global read_only = 0');
    }
    expect(await weak.write(batch)).toEqual([]);
    await weak.close();
    dsn = database.as(user.name, 'wrong');
    const refused = createMysqlSink({ name: 'mysql', dsn: () => dsn });
    const attempt = refused.connect();
    await expect(attempt).rejects.toMatchObject({ code: 'unavailable', detail: '1045' });
    await expect(attempt).rejects.not.toMatchObject({ message: expect.stringContaining('wrong') });
    // A rotated password needs no restart.
    dsn = user.dsn;
    await expect(refused.connect()).resolves.toBeUndefined();
    await database.query(`alter user ${user.name}@'%' with max_user_connections 1`);
    const holder = await connected({ dsn: () => dsn });
    await holder.write(batchOf([BAD]));
    await expect(refused.connect()).rejects.toMatchObject({ code: 'unavailable', detail: '1226' });
    await database.query(`drop user ${user.name}@'%'`);
  });

  it('retries when the server accepts no more connections (1040)', async () => {
    const user = await ordinaryUser();
    const [before] = await database.query('select @@global.max_connections as most');
    await database.session(async (admin) => {
      await admin(`set global max_connections = ${name === 'mysql' ? 1 : 10}`);
      const held = await Promise.all(
        Array.from({ length: 12 }, () =>
          connected({ dsn: () => user.dsn }).then(
            () => undefined,
            (error: unknown) => error,
          ),
        ),
      );
      await admin(`set global max_connections = ${before?.most}`);
      expect(held.filter((error) => error !== undefined)).toContainEqual(
        expect.objectContaining({ code: 'unavailable', detail: '1040' }),
      );
    });
    await database.query(`drop user ${user.name}@'%'`);
  });

  it('divides a statement that takes longer than its timeout, which the server is asked to end (1317)', async () => {
    const slow = await connected({ statementTimeoutMs: 1_000 });
    await database.query('create trigger slow before insert on dicom_image_meta for each row do sleep(0.02)');
    const files = Array.from({ length: 90 }, (_, n) => ({
      ...GOOD,
      sop_uid: `1.1.${n}`,
      trace_id: `${n}`.padEnd(36, '0'),
    }));
    expect(await slow.write(batchOf(files))).toEqual([]);
    expect(await count('image')).toBe(90);
  });

  it('reports a timeout and ends the statement on the server when one row takes too long', async () => {
    const slow = await connected({ statementTimeoutMs: 1_000 });
    await database.query('create trigger slow before insert on dicom_image_meta for each row do sleep(30)');
    await expect(slow.write(batchOf([GOOD]))).rejects.toMatchObject({ code: 'timeout', detail: '1317' });
    const running = await database.query(
      "select id from information_schema.processlist where db = database() and info like 'insert into%'",
    );
    expect(running).toEqual([]);
  });

  it('is out of order, and dead-letters nothing, while a table is missing', async () => {
    const batch = batchOf([GOOD]);
    await database.query('rename table dicom_image_meta to elsewhere');
    await expect(sink.write(batch)).rejects.toMatchObject({
      code: 'unavailable',
      detail: 'out of order: dicom_image_meta:missing, run wado-consumer migrate',
    });
    await database.query('rename table elsewhere to dicom_image_meta');
    expect(await sink.write(batch)).toEqual([]);
  });

  it('refuses only the record that does not fit into a packet of the server', async () => {
    const [before] = await database.query('select @@global.max_allowed_packet as bytes');
    await database.query('set global max_allowed_packet = 65536');
    try {
      const small = await connected();
      await database.query('alter table dicom_image_meta modify image_type longtext');
      const large = { ...BAD, image: { image_type: 'x'.repeat(70_000) } };
      const many = Array.from({ length: 60 }, (_, n) => ({
        ...GOOD,
        sop_uid: `1.1.${n}`,
        trace_id: `${n}`.padEnd(36, '0'),
      }));
      const rejections = await small.write(batchOf([...many, large]));
      expect(rejections.map(({ file, error }) => [file.object.identity, error.detail])).toEqual([
        [BAD.trace_id, 'max_allowed_packet'],
      ]);
      expect(await count('image')).toBe(60);
    } finally {
      await database.query(`set global max_allowed_packet = ${before?.bytes}`);
    }
  });
});
