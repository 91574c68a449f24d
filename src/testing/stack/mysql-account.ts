import mysql from 'mysql2/promise';
import { freshName } from '../fresh-database.ts';

/**
 * Resolves to the first of these DSNs whose user may create databases; rejects while none may. The official images have `root` for it, other
 * images an ordinary user; in the former that one can log in, too, but create nothing.
 */
export async function administratorDsn(dsns: readonly string[]): Promise<string> {
  return await Promise.any(dsns.map(creating));
}

async function creating(dsn: string): Promise<string> {
  const connection = await mysql.createConnection(dsn);
  try {
    const name = freshName('probe');
    await connection.query(`create database ${name}`);
    await connection.query(`drop database ${name}`);
    return dsn;
  } finally {
    await connection.end();
  }
}
