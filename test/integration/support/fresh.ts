import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** A name that no other test uses: for topics, groups and databases. */
export function freshName(stem: string): string {
  return `${stem}_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
}

/** A new, empty PostgreSQL database on the given server. `drop` disconnects its sessions and removes it. */
export async function freshDatabase(dsn: string): Promise<{ dsn: string; drop: () => Promise<void> }> {
  const name = freshName('test');
  // Not the server's default: an image made under the C locale would make SQL_ASCII, which counts bytes instead of characters.
  await statement(dsn, `create database ${name} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'`);
  const url = new URL(dsn);
  url.pathname = `/${name}`;
  return { dsn: url.href, drop: () => statement(dsn, `drop database if exists ${name} with (force)`) };
}

async function statement(dsn: string, sql: string): Promise<void> {
  const client = new pg.Client(dsn);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
