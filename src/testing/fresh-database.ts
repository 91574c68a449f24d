import { randomUUID } from 'node:crypto';
import mysql from 'mysql2/promise';
import pg from 'pg';

/** A name that no other test uses: for topics, groups and databases. */
export function freshName(stem: string): string {
  return `${stem}_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
}

/** An empty database on a server. */
export interface FreshDatabase {
  readonly dsn: string;
  /** Ends the sessions of the database and removes it. */
  drop(): Promise<void>;
}

/**
 * Creates an empty database on the server of a `postgres://` or `mysql://` DSN, whose user must be allowed to. Rejects with the
 * driver's error.
 */
export async function freshDatabase(dsn: string): Promise<FreshDatabase> {
  const name = freshName('test');
  const url = new URL(dsn);
  url.pathname = `/${name}`;
  if (isMysql(dsn)) {
    await mysqlStatement(dsn, `create database ${name} character set utf8mb4`);
    return { dsn: url.href, drop: () => mysqlStatement(dsn, `drop database if exists ${name}`) };
  }
  // Not the server's default: an image made under the C locale would make SQL_ASCII, which counts bytes instead of characters.
  const encoding = `template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'`;
  await postgresStatement(dsn, `create database ${name} ${encoding}`);
  return { dsn: url.href, drop: () => postgresStatement(dsn, `drop database if exists ${name} with (force)`) };
}

/** Whether a DSN is that of a MySQL or MariaDB server. */
export function isMysql(dsn: string): boolean {
  return dsn.startsWith('mysql://');
}

async function postgresStatement(dsn: string, sql: string): Promise<void> {
  const client = new pg.Client(dsn);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function mysqlStatement(dsn: string, sql: string): Promise<void> {
  const connection = await mysql.createConnection(dsn);
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}
