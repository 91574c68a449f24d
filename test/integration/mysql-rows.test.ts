import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { coalesceRows } from '../../src/databases/coalesce.ts';
import { openMysql } from '../../src/databases/mysql/connection.ts';
import { WriteTextBuilder } from '../../src/databases/mysql/rows.ts';
import { createMysqlSink } from '../../src/databases/mysql/sink.ts';
import type { Sink } from '../../src/ports.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { freshMysql, type MysqlDatabase } from './mysql-database.ts';
import { describeMysqls } from './support/mysql-servers.ts';

/** Texts that end a string literal or a statement where a server reads them as SQL. */
const HOSTILE = [
  `"); drop table dicom_state_meta; -- `,
  `'); drop table dicom_state_meta; -- `,
  String.raw`\"); drop table dicom_state_meta; #`,
  String.raw`\\"); drop table dicom_state_meta; #`,
  `\\`,
  `\\\\`,
  `"`,
  `""`,
  `\u0000"; drop table dicom_state_meta; --`,
  `\u001a`,
  `/*! drop table dicom_state_meta */`,
  `?`,
  '`',
  // Its last byte in GBK and SJIS is a backslash.
  `縗"); drop table dicom_state_meta; -- `,
  String.raw`\u0022`,
  '\n\r\t\b\f\v',
];

await describeMysqls('the rows that the MySQL sink writes', ({ dsn: server }) => {
  let database: MysqlDatabase;
  let sink: Sink;
  beforeAll(async () => {
    database = await freshMysql(server);
    sink = createMysqlSink({ name: 'mysql', dsn: () => database.dsn, migrate: true });
    await sink.connect();
  });
  afterAll(async () => {
    await sink.close();
    await database.drop();
  });

  async function stored(texts: readonly string[], other: Sink = sink): Promise<readonly unknown[]> {
    await database.query('delete from dicom_state_meta');
    const files = texts.map((text, n) => ({ series_uid: `1.${n}`, state: { series_description: text } }));
    expect(await other.write(batchOf(files))).toEqual([]);
    const rows = await database.rows('state');
    return texts.map((_, n) => rows.find(({ series_uid }) => series_uid === `1.${n}`)?.series_description);
  }

  it('hold hostile texts as they are', async () => {
    expect(await stored(HOSTILE)).toEqual(HOSTILE);
  });

  it('hold any text as it is', { timeout: 60_000 }, async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }).map((each) => each.toWellFormed()),
      fc.string({ unit: fc.constantFrom('"', '\\', "'", ';', '\0', '\n', '`', '#', '縗', ' '), maxLength: 12 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 20 }), async (texts) => {
        expect(await stored(texts)).toEqual(texts);
      }),
      { numRuns: 40 },
    );
  });

  it('hold hostile keys, each a row of its own', async () => {
    await database.query('delete from dicom_image_meta');
    const files = HOSTILE.map((text, n) => ({ tenant_id: `${n}${text}`.slice(0, 64), sop_uid: `1.${n}` }));
    expect(await sink.write(batchOf(files))).toEqual([]);
    const found = (await database.rows('image')).map(({ tenant_id }) => tenant_id);
    expect(new Set(found)).toEqual(new Set(files.map(({ tenant_id }) => tenant_id)));
  });

  it('do not depend on the modes and the time zone that the server gives to new sessions', async () => {
    const modes = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT';
    const [before] = await database.query('select @@global.sql_mode as modes, @@global.time_zone as zone');
    await database.query(`set global sql_mode = '${modes}', global time_zone = '+09:00'`);
    const other = createMysqlSink({ name: 'mysql', dsn: () => database.dsn });
    try {
      await other.connect();
      expect(await stored(HOSTILE, other)).toEqual(HOSTILE);
      await other.write(batchOf([{ series_uid: '2', created_time: '2026-03-29T02:30:00.123456' }]));
      const [row] = (await database.rows('state')).filter(({ series_uid }) => series_uid === '2');
      expect(row?.source_time).toBe('2026-03-29T02:30:00.123456');
      // Strict, though the server's default isn't: a value that doesn't fit is refused, not cut.
      const [rejection] = await other.write(batchOf([{ sop_uid: '3', image: { sop_class_uid: '1'.repeat(65) } }, {}]));
      expect(rejection?.error.detail).toBe('1406');
    } finally {
      await other.close();
      await database.query(`set global sql_mode = '${before?.modes}', global time_zone = '${before?.zone}'`);
    }
  });

  it('do not depend on the modes of the session, which a proxy may have moved to another server connection', async () => {
    await database.query('delete from dicom_state_meta');
    const options = { name: 'mysql', dsn: database.dsn, connectTimeoutMs: 5_000, statementTimeoutMs: 5_000 };
    const connection = await openMysql(options);
    await connection.query("set sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
    const { grouped } = batchOf(
      HOSTILE.map((text, n) => ({ series_uid: `1.${n}`, state: { series_description: text } })),
    );
    await connection.write(new WriteTextBuilder().build(coalesceRows(grouped), connection.server.dialect));
    await connection.close();
    const found = (await database.rows('state')).map(({ series_description }) => series_description);
    expect(new Set(found)).toEqual(new Set(HOSTILE));
  });

  it('are one row for tenants that differ in spaces at their end, as docs/tables.md says', async () => {
    const file = { series_uid: '9', sop_uid: '9' };
    expect(
      await sink.write(
        batchOf([
          { ...file, tenant_id: 'A' },
          { ...file, tenant_id: 'A ' },
        ]),
      ),
    ).toEqual([]);
    const rows = (await database.rows('state')).filter(({ series_uid }) => series_uid === '9');
    expect(rows).toHaveLength(1);
  });
});
