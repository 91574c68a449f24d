import mysql from 'mysql2/promise';
import { expect, it } from 'vitest';
import { readDorisDsn } from '../../src/databases/doris/dsn.ts';
import { migrateDoris } from '../../src/databases/doris/migrate.ts';
import { createDorisSink } from '../../src/databases/doris/sink.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import type { StoredRow, TableName } from '../../src/testing/sink-contract.ts';
import { itKeepsTheSinkContract } from '../../src/testing/vitest/sink-contract.ts';
import { describeWith } from './support/services.ts';

const TABLES: Readonly<Record<TableName, string>> = {
  object: 'dicom_object_meta',
  state: 'dicom_state_meta',
  image: 'dicom_image_meta',
};

/** A database of its own in a real Doris, and its rows. */
async function freshDoris(dsn: string) {
  const { frontends, mysqlPort, user, password } = readDorisDsn(dsn);
  const host = frontends[0]?.host ?? '';
  const connection = await mysql.createConnection({ host, port: mysqlPort, user, password, dateStrings: true });
  const name = freshName('doris');
  await connection.query(`create database \`${name}\``);
  return {
    dsn: dsn.replace(/\/\w+\?/, `/${name}?`),
    async rows(table: TableName): Promise<readonly StoredRow[]> {
      const [rows] = await connection.query<mysql.RowDataPacket[]>(`select * from \`${name}\`.\`${TABLES[table]}\``);
      return rows.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([column, value]) => [
            column,
            typeof value === 'string' && /^\d{4}-\d\d-\d\d \d\d:/.test(value) ? value.replace(' ', 'T') : value,
          ]),
        ),
      );
    },
    async drop() {
      await connection.query(`drop database \`${name}\` force`);
      await connection.end();
    },
  };
}

await describeWith(['doris'], 'the Doris sink on a real Doris', ({ doris }) => {
  it('migrates an empty database once', { timeout: 120_000 }, async () => {
    const database = await freshDoris(doris.dsn);
    expect((await migrateDoris(database.dsn)).map(({ name }) => name)).toEqual(['0000_three_tables']);
    expect(await migrateDoris(database.dsn)).toEqual([]);
    await database.drop();
  });

  itKeepsTheSinkContract(async () => {
    const database = await freshDoris(doris.dsn);
    const another = async () => {
      const sink = createDorisSink({ name: 'doris', dsn: () => database.dsn, migrate: true, loadPeriodMs: 20 });
      await sink.connect();
      return sink;
    };
    const sink = await another();
    return {
      sink,
      another,
      rows: (table) => database.rows(table),
      dispose: async () => {
        await sink.close();
        await database.drop();
      },
    };
  }, ['storing', 'order', 'limits', 'refusals']);
});
