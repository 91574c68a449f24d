import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll } from 'vitest';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { startDatabase } from '../../src/embedded/database.ts';
import { describeSinkContract, type StoredRow } from '../../src/testing/vitest/index.ts';

const EMPTY = 'drop schema public cascade; create schema public; drop schema if exists drizzle cascade';

const folder = mkdtempSync(join(tmpdir(), 'contract-'));
const database = await startDatabase({ folder });
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

async function query<T extends pg.QueryResultRow>(text: string): Promise<readonly T[]> {
  const client = new pg.Client(database.dsn);
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

const { hostname, port } = new URL(database.dsn);
const server = { host: hostname, port: Number(port) };

describeSinkContract('the PostgreSQL sink on PGlite', {
  empty: async () => void (await query(EMPTY)),
  create: async (address = server) => {
    const dsn = new URL(database.dsn);
    dsn.port = String(address.port);
    const sink = createPostgresSink({
      name: 'postgres',
      dsn: () => dsn.href,
      migrate: true,
      statementTimeoutMs: 10_000,
    });
    await sink.connect();
    return sink;
  },
  read: async (table) => {
    const rows = await query<{ row: StoredRow }>(`select to_jsonb(t) as row from dicom_${table}_meta t`);
    return rows.map(({ row }) => row);
  },
  outage: { server },
  without: { server: 'the process of PGlite ends with the test' },
});
