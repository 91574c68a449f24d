import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { type EmbeddedDatabase, startDatabase } from '../../src/embedded/database.ts';
import { startTcpProxy } from '../../src/testing/proxy.ts';
import type { StoredRow } from '../../src/testing/sink-contract.ts';
import { itKeepsTheSinkContract } from '../support/sink-contract.ts';

const EMPTY = 'drop schema public cascade; create schema public; drop schema if exists drizzle cascade';

describe('the PostgreSQL sink on PGlite', () => {
  let folder: string;
  let database: EmbeddedDatabase;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'contract-'));
    database = await startDatabase({ folder });
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });

  async function query(text: string): Promise<readonly StoredRow[]> {
    const client = new pg.Client(database.dsn);
    await client.connect();
    try {
      return (await client.query<StoredRow>(text)).rows;
    } finally {
      await client.end();
    }
  }

  itKeepsTheSinkContract(
    async () => {
      await query(EMPTY);
      const { hostname: host, port } = new URL(database.dsn);
      const network = await startTcpProxy({ target: { host, port: Number(port) } });
      const through = new URL(database.dsn);
      through.port = String(network.port);
      const connect = async (dsn: string, migrate: boolean) => {
        const sink = createPostgresSink({ name: 'postgres', dsn: () => dsn, migrate, statementTimeoutMs: 10_000 });
        await sink.connect();
        return sink;
      };
      const sink = await connect(through.href, true);
      return {
        sink,
        rows: async (table) =>
          (await query(`select to_jsonb(t) as row from dicom_${table}_meta t`)).map(({ row }) => row as StoredRow),
        another: () => connect(database.dsn, false),
        network,
        dispose: async () => {
          await sink.close();
          await network.close();
        },
      };
    },
    // Its process belongs to the service and ends with it.
    ['storing', 'order', 'limits', 'refusals', 'network'],
  );
});
