import mysql from 'mysql2/promise';
import pg from 'pg';
import { isMysql } from './fresh-database.ts';
import type { StoredRow, TableName } from './sink-contract/rows.ts';

/** Reads all rows of a table without the service: by the names of docs/tables.md, dates and times as text. */
export async function readRows(dsn: string, table: TableName): Promise<readonly StoredRow[]> {
  if (!isMysql(dsn)) {
    const client = new pg.Client(dsn);
    await client.connect();
    try {
      const sql = `select to_jsonb(t) as row from dicom_${table}_meta t`;
      return (await client.query<{ row: StoredRow }>(sql)).rows.map(({ row }) => row);
    } finally {
      await client.end();
    }
  }
  const connection = await mysql.createConnection({ uri: dsn, dateStrings: true, supportBigNumbers: true });
  try {
    const [rows] = await connection.query(`select * from dicom_${table}_meta`);
    return (rows as StoredRow[]).map(onTheWire);
  } finally {
    await connection.end();
  }
}

/** `2026-01-01 00:00:00.123456` → `2026-01-01T00:00:00.123456`; other values unchanged. */
function onTheWire(row: StoredRow): StoredRow {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'string' && name.endsWith('_time') ? value.replace(/^(\d{4}-\d\d-\d\d) /, '$1T') : value,
    ]),
  );
}
