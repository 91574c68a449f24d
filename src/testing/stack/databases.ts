import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { type EmbeddedDatabase, type EmbeddedDatabaseOptions, startDatabase } from '../../embedded/database.ts';
import { startMysql } from '../../embedded/mysql-server.ts';
import { addressOf, withAddress } from '../database-proxy.ts';
import { freshDatabase } from '../fresh-database.ts';
import { signalProcess } from '../signal-process.ts';
import type { Reaper } from './reaper.ts';
import type { DatabaseServer } from './server.ts';

/** One PGlite has one database, so emptying it removes the tables. */
const EMPTY = 'drop schema public cascade; create schema public; drop schema if exists drizzle cascade';

/** PGlite in a child process, stored in a temporary folder. */
export async function pgliteDatabase(reaper: Reaper): Promise<DatabaseServer> {
  const server = await localServer('embedded', reaper, startDatabase);
  const empty = async () => {
    const client = new pg.Client(server.dsn(server.address()));
    await client.connect();
    try {
      await client.query(EMPTY);
    } finally {
      await client.end();
    }
    return { path: '/postgres', drop: async () => undefined };
  };
  return { ...server, empty };
}

/** The MySQL or MariaDB that is installed on this machine, as a child process. Rejects with the code `no_mysql` where there is none. */
export async function localMysql(reaper: Reaper): Promise<DatabaseServer> {
  let title = '';
  const server = await localServer('local server', reaper, async (options) => {
    const started = await startMysql(options);
    title = started.title;
    return started;
  });
  // Its one database is that of its only user. Dropping and creating it leaves the user's rights as they are.
  const empty = async () => {
    const connection = await mysql.createConnection(server.dsn(server.address()));
    try {
      await connection.query('drop database dicom');
      await connection.query('create database dicom character set utf8mb4');
    } finally {
      await connection.end();
    }
    return { path: '/dicom', drop: async () => undefined };
  };
  return { ...server, how: title, empty };
}

/** A database server in a child process that stores in a temporary folder. */
async function localServer(
  how: string,
  reaper: Reaper,
  open: (options: EmbeddedDatabaseOptions) => Promise<EmbeddedDatabase>,
): Promise<Omit<DatabaseServer, 'empty'>> {
  const folder = await mkdtemp(join(tmpdir(), 'wado-stack-'));
  reaper.folder(folder);
  let database = await open({ folder });
  reaper.process(database.pid);
  const ended = async (end: Promise<void>) => {
    await end;
    reaper.ended(database.pid);
  };
  return {
    how,
    address: () => addressOf(database.dsn),
    dsn: (address) => withAddress(database.dsn, address),
    process: {
      stop: () => ended(database.close()),
      kill: () => ended(database.kill()),
      start: async () => {
        database = await open({ folder });
        reaper.process(database.pid);
      },
      pause: async () => void signalProcess(database.pid, 'SIGSTOP'),
      resume: async () => void signalProcess(database.pid, 'SIGCONT'),
    },
    close: async () => {
      await ended(database.kill());
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A PostgreSQL, MySQL or MariaDB server that runs already. It is left running; its user must be allowed to create databases. */
export function givenDatabase(dsn: string): DatabaseServer {
  return {
    how: 'given',
    address: () => addressOf(dsn),
    process: undefined,
    close: async () => undefined,
    ...databasesOf(() => dsn),
  };
}

/** Creates and drops databases on the server of a DSN. */
export function databasesOf(dsn: () => string): Pick<DatabaseServer, 'dsn' | 'empty'> {
  return {
    dsn: (address) => withAddress(dsn(), address),
    empty: async () => {
      const fresh = await freshDatabase(dsn());
      return { path: new URL(fresh.dsn).pathname, drop: fresh.drop };
    },
  };
}
