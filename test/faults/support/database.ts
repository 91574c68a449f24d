/** The databases that the fault suite can run with: how each is reached, with deadlines that a killed server can't exceed, and its SQL. */
import mysql from 'mysql2/promise';
import pg from 'pg';
import { freshMysql } from '../../integration/mysql-database.ts';

/** A name of `npm run faults -- --database`, of `scripts/services.sh`, and the label of the sink. */
export type DatabaseName = 'postgres' | 'mysql' | 'mariadb';

/** One database of a run. */
export interface FaultDatabase {
  readonly name: DatabaseName;
  /** Past the proxy. */
  readonly dsn: string;
}

/** For titles. */
export const TITLES: Readonly<Record<DatabaseName, string>> = {
  postgres: 'PostgreSQL',
  mysql: 'MySQL',
  mariadb: 'MariaDB',
};

/** The driver of a database in the configuration. */
export function driverOf(name: DatabaseName): 'postgres' | 'mysql' {
  return name === 'postgres' ? 'postgres' : 'mysql';
}

/** Runs a statement; resolves to the values of its rows. */
export type Run = (sql: string) => Promise<readonly (readonly unknown[])[]>;

const DEADLINE_MS = 20_000;
/** Longer than the service's statement timeout in these tests: the service always has a statement running. */
const LOCK_TIMEOUT_MS = 5_000;

/** Runs `work` on one session of its own. */
export async function withSession<T>({ name, dsn }: FaultDatabase, work: (run: Run) => Promise<T>): Promise<T> {
  if (name === 'postgres') {
    const client = new pg.Client({
      connectionString: dsn,
      connectionTimeoutMillis: DEADLINE_MS,
      query_timeout: DEADLINE_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
    });
    await client.connect();
    try {
      return await work(async (text) => (await client.query({ text, rowMode: 'array' })).rows ?? []);
    } finally {
      await client.end();
    }
  }
  const connection = await mysql.createConnection({ uri: dsn, connectTimeout: DEADLINE_MS, dateStrings: true });
  try {
    await connection.query(
      `set innodb_lock_wait_timeout = ${LOCK_TIMEOUT_MS / 1_000}, lock_wait_timeout = ${LOCK_TIMEOUT_MS / 1_000}`,
    );
    return await work(async (sql) => {
      const [rows] = await connection.query({ sql, rowsAsArray: true, timeout: DEADLINE_MS });
      return Array.isArray(rows) ? (rows as readonly (readonly unknown[])[]) : [];
    });
  } finally {
    connection.destroy();
  }
}

/** An empty database on a MySQL or MariaDB server. */
export async function freshDatabaseOn(name: DatabaseName, server: string) {
  const { dsn, drop } = await freshMysql(server);
  return { name, dsn, drop };
}

/** The columns of a table's key and the time of its row's commit, in milliseconds since the epoch; 0 if the server doesn't keep it. */
export function rowsSql(name: DatabaseName, table: string, column: string): string {
  if (name === 'postgres')
    return `select ${column}, floor(extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000) from ${table}`;
  // The statement's time, a moment before the commit: what is found too early by it was too early.
  const time = table === 'dicom_object_meta' ? '0' : 'floor(unix_timestamp(updated_time) * 1000)';
  return `select ${column}, ${time} from ${table}`;
}

/** Whether the tables of the service exist. */
export async function hasTables(run: Run, name: DatabaseName): Promise<boolean> {
  const schema = name === 'postgres' ? 'current_schema()' : 'database()';
  const rows = await run(
    `select 1 from information_schema.tables where table_schema = ${schema} and table_name = 'dicom_image_meta'`,
  );
  return rows.length > 0;
}

/** Creates a trigger that delays every insert and update by this time. */
export function slowTriggerSql(name: DatabaseName, table: string, rowMs: number): readonly string[] {
  if (name === 'postgres')
    return [
      `create or replace function slow() returns trigger language plpgsql as
         'begin perform pg_sleep(${rowMs / 1_000}); return new; end'`,
      `create trigger slow before insert or update on ${table} for each row execute function slow()`,
    ];
  return ['insert', 'update'].map(
    (event) => `create trigger slow_${event} before ${event} on ${table} for each row do sleep(${rowMs / 1_000})`,
  );
}

export function dropTriggerSql(name: DatabaseName, table: string): readonly string[] {
  if (name === 'postgres') return [`drop trigger slow on ${table}`];
  return ['drop trigger if exists slow_insert', 'drop trigger if exists slow_update'];
}

/** Whether a packet from the service writes rows. Its answer says that they are committed. */
export function isWrite(name: DatabaseName, request: Buffer): boolean {
  // PostgreSQL: Bind, a prepared statement with its values. MySQL: one query with the inserts and the commit.
  if (name === 'postgres') return request[0] === 0x42 || (request[0] === 0x50 && request.includes('wado_consumer_'));
  return /\binsert into\b/i.test(request.subarray(0, 4_096).toString('latin1'));
}
