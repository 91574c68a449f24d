import pg from 'pg';
import { freshDatabase } from '../../src/testing/fresh-database.ts';
import { readRows } from '../../src/testing/read-rows.ts';
import type { StoredRow, TableName } from '../../src/testing/sink-contract.ts';

export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

/** An empty database of one's own, looked at from outside the service. */
export interface PostgresDatabase {
  readonly dsn: string;
  readonly query: Query;
  /** Runs `work` on one connection of its own: for what lives in a session, such as locks and transactions. */
  session(work: (query: Query) => Promise<void>): Promise<void>;
  /** All rows of a table; dates and times are text. */
  rows(table: TableName): Promise<readonly StoredRow[]>;
  drop(): Promise<void>;
}

export async function freshPostgres(server: string): Promise<PostgresDatabase> {
  const { dsn, drop } = await freshDatabase(server);
  const pool = new pg.Pool({ connectionString: dsn, max: 3 });
  pool.on('error', () => undefined);
  const query: Query = async (text, values = []) => (await pool.query(text, [...values])).rows;
  return {
    dsn,
    query,
    session: async (work) => {
      const client = await pool.connect();
      try {
        await work(async (text, values = []) => (await client.query(text, [...values])).rows);
      } finally {
        client.release(true);
      }
    },
    rows: (table) => readRows(dsn, table),
    drop: async () => {
      await pool.end();
      await drop();
    },
  };
}
