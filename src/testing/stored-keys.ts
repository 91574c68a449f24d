import mysql from 'mysql2/promise';
import pg from 'pg';
import { isMysql } from './fresh-database.ts';

/** The lists of values of a query's rows, as text. */
type Query = (sql: string) => Promise<readonly (readonly unknown[])[]>;

const DEADLINE_MS = 30_000;

/** Runs `work` on one connection to a PostgreSQL, MySQL or MariaDB server, by the scheme of its DSN. */
async function withAnyDatabase<T>(dsn: string, work: (query: Query) => Promise<T>): Promise<T> {
  if (isMysql(dsn)) {
    const connection = await mysql.createConnection({ uri: dsn, connectTimeout: DEADLINE_MS, dateStrings: true });
    try {
      return await work(async (sql) => {
        const [rows] = await connection.query({ sql, rowsAsArray: true, timeout: DEADLINE_MS });
        return rows as readonly (readonly unknown[])[];
      });
    } finally {
      await connection.end();
    }
  }
  const client = new pg.Client({
    connectionString: dsn,
    connectionTimeoutMillis: DEADLINE_MS,
    query_timeout: DEADLINE_MS,
  });
  await client.connect();
  try {
    return await work(async (text) => (await client.query({ text, rowMode: 'array' })).rows);
  } finally {
    await client.end();
  }
}

/** What a database holds, by the keys of its rows. */
export interface StoredKeys {
  readonly objects: ReadonlySet<string>;
  readonly states: ReadonlySet<string>;
  readonly images: ReadonlySet<string>;
}

/** Reads the keys of all rows of the three tables. */
export function storedKeys(dsn: string): Promise<StoredKeys> {
  return withAnyDatabase(dsn, async (query) => {
    const column = async (sql: string) => new Set((await query(sql)).map(([value]) => String(value)));
    return {
      objects: await column('select trace_id from dicom_object_meta'),
      states: await column('select series_uid from dicom_state_meta'),
      images: await column('select sop_uid from dicom_image_meta'),
    };
  });
}
