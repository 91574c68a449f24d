import mysql from 'mysql2/promise';
import { freshName } from '../../src/testing/fresh-database.ts';
import { readRows } from '../../src/testing/read-rows.ts';
import type { StoredRow, TableName } from '../../src/testing/sink-contract.ts';

export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

/** An empty database of one's own on MySQL or MariaDB, looked at from outside the service. */
export interface MysqlDatabase {
  readonly name: string;
  readonly dsn: string;
  readonly query: Query;
  /** Runs `work` on one connection of its own: for what lives in a session, such as locks and transactions. */
  session(work: (query: Query) => Promise<void>): Promise<void>;
  /** All rows of a table by the wire's names and forms: dates and times are text. */
  rows(table: TableName): Promise<readonly StoredRow[]>;
  /** The DSN with another user and password. */
  as(user: string, password: string): string;
  drop(): Promise<void>;
}

/** `options`: what follows `create database NAME`. */
export async function freshMysql(server: string, options = 'character set utf8mb4'): Promise<MysqlDatabase> {
  const name = freshName('test');
  await statement(server, `create database ${name} ${options}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const pool = mysql.createPool({ uri: url.href, dateStrings: true, supportBigNumbers: true, connectionLimit: 3 });
  const on =
    (connection: Pick<mysql.Connection, 'query'>): Query =>
    async (text, values = []) => {
      const [rows] = await connection.query(text, [...values]);
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
    };
  const query = on(pool);
  return {
    name,
    dsn: url.href,
    query,
    session: async (work) => {
      const connection = await mysql.createConnection({ uri: url.href, dateStrings: true });
      try {
        await work(on(connection));
      } finally {
        connection.destroy();
      }
    },
    rows: (table) => readRows(url.href, table),
    as: (user, password) => {
      const other = new URL(url);
      other.username = user;
      other.password = password;
      return other.href;
    },
    drop: async () => {
      await pool.end();
      await statement(server, `drop database if exists ${name}`);
    },
  };
}

async function statement(dsn: string, sql: string): Promise<void> {
  const connection = await mysql.createConnection(dsn);
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}
