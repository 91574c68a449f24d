/** The ways of storing batches in PostgreSQL. */
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { migratePostgres } from '../../src/databases/postgres/migrate.ts';
import { RowLinesWriter } from '../../src/databases/postgres/rows.ts';
import { dicomImageMeta, dicomObjectMeta, dicomStateMeta } from '../../src/databases/postgres/schema.ts';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { COPY_VALUES, copyStatement, WRITTEN_TABLES } from '../../src/databases/postgres/write-statement.ts';
import { freshDatabase } from '../../src/testing/fresh-database.ts';
import type { BenchBatch } from './batches.ts';
import { type BenchDatabase, overConnections, rowsByTable, TABLES, type Way } from './contender.ts';

const SCHEMA: readonly PgTable[] = [dicomObjectMeta, dicomStateMeta, dicomImageMeta];

export async function openPostgresBench(server: string): Promise<BenchDatabase> {
  const { dsn, drop } = await freshDatabase(server);
  await migratePostgres(dsn);
  const admin = openPool(dsn, 1);
  return {
    name: 'postgres',
    sink: (connections) => createPostgresSink({ name: 'bench', dsn: () => dsn, connections }),
    bulk: (connections) =>
      copyOver(dsn, connections, (batch) =>
        rowsByTable(batch).map(([table, { columns, text }]) => [
          `copy ${table} (${columns.map((name) => `"${name}"`).join(', ')}) from stdin`,
          text,
        ]),
      ),
    encodedBulk: (connections) => copyOver(dsn, connections, encodedRows),
    plain(connections) {
      const pool = openPool(dsn, connections);
      const database = drizzle(pool);
      return {
        async write(batch) {
          for (const [at, { objects }] of batch.rows.entries()) {
            const table = SCHEMA[at];
            if (table === undefined || objects.length === 0) continue;
            const target = getTableConfig(table).primaryKeys.flatMap(({ columns }) => columns);
            await database
              .insert(table)
              .values([...objects])
              .onConflictDoUpdate({ target, set: excluded(table) });
          }
        },
        close: () => pool.end(),
      };
    },
    empty: async () => void (await admin.query(`truncate ${TABLES.join(', ')}`)),
    async drop() {
      await admin.end();
      await drop();
    },
  };
}

/** `end()` doesn't wait until the server has closed the connections, so dropping the database may terminate them. */
function openPool(dsn: string, max: number): pg.Pool {
  return new pg.Pool({ connectionString: dsn, max }).on('error', () => undefined);
}

/** COPY statements with their lines, a transaction per batch. */
async function copyOver(
  dsn: string,
  connections: number,
  copiesOf: (batch: BenchBatch) => readonly (readonly [statement: string, lines: Buffer])[],
): Promise<Way> {
  const clients = Array.from({ length: connections }, () => new pg.Client(dsn));
  await Promise.all(clients.map((client) => client.connect()));
  return overConnections(
    clients,
    async (client, batch) => {
      await client.query('begin');
      for (const [statement, lines] of copiesOf(batch)) await copy(client, statement, lines);
      await client.query('commit');
    },
    async () => void (await Promise.all(clients.map((client) => client.end()))),
  );
}

function encodedRows({ grouped: { grouped } }: BenchBatch): readonly (readonly [string, Buffer])[] {
  const rows = [
    grouped.map(({ file }) => file.object),
    grouped.flatMap(({ state }) => state ?? []),
    grouped.flatMap(({ image }) => image ?? []),
  ];
  return WRITTEN_TABLES.map((table, at) => {
    const fixed = table.values.includes('updated_time') ? COPY_VALUES : {};
    return [copyStatement(table), new RowLinesWriter(table.values, fixed).write(rows[at] ?? [])];
  });
}

/** Sets every column from the new row. */
function excluded(table: PgTable): Record<string, SQL> {
  return Object.fromEntries(
    Object.values(getTableColumns(table)).map((column) => [column.name, sql.raw(`excluded."${column.name}"`)]),
  );
}

/** COPY FROM STDIN with one chunk. node-postgres leaves it to its callers. */
function copy(client: pg.Client, text: string, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    const statement = {
      submit: (connection: CopyConnection) => connection.query(text),
      handleCopyInResponse(connection: CopyConnection) {
        connection.sendCopyFromChunk(data);
        connection.endCopyFrom();
      },
      handleError(error: Error) {
        failure = error;
      },
      handleCommandComplete: () => undefined,
      handleReadyForQuery: () => (failure === undefined ? resolve() : reject(failure)),
    };
    client.query(statement as unknown as pg.Submittable);
  });
}

/** The part of node-postgres's connection that COPY needs. */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}
