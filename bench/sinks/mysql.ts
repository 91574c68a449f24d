/** The ways of storing batches in MySQL and MariaDB. */
import { Readable } from 'node:stream';
import { getTableColumns, type SQL, sql } from 'drizzle-orm';
import type { MySqlTable } from 'drizzle-orm/mysql-core';
import { drizzle } from 'drizzle-orm/mysql2';
import mysql from 'mysql2/promise';
import { migrateMysql } from '../../src/databases/mysql/migrate.ts';
import { dicomImageMeta, dicomObjectMeta, dicomStateMeta } from '../../src/databases/mysql/schema.ts';
import { createMysqlSink } from '../../src/databases/mysql/sink.ts';
import { freshMysql } from '../../test/integration/mysql-database.ts';
import { type BenchDatabase, overConnections, rowsByTable, TABLES } from './contender.ts';

const SCHEMA: readonly MySqlTable[] = [dicomObjectMeta, dicomStateMeta, dicomImageMeta];

/** `server`: a user that may set `local_infile`. */
export async function openMysqlBench(name: string, server: string): Promise<BenchDatabase> {
  const database = await freshMysql(server);
  const { dsn } = database;
  await migrateMysql(dsn);
  const [before] = await database.query('select @@global.local_infile as local_infile');
  await database.query('set global local_infile = 1');
  return {
    name,
    sink: (connections) => createMysqlSink({ name: 'bench', dsn: () => dsn, connections }),
    async bulk(connections) {
      const open = () => mysql.createConnection({ uri: dsn, flags: ['LOCAL_FILES'] });
      const clients = await Promise.all(Array.from({ length: connections }, open));
      return overConnections(
        clients,
        async (client, batch) => {
          await client.query('begin');
          for (const [table, { columns, text }] of rowsByTable(batch))
            await client.query({
              sql: `load data local infile 'rows' into table ${table} character set utf8mb4 (${columns.map((column) => `\`${column}\``).join(', ')})`,
              infileStreamFactory: () => Readable.from([text]),
            });
          await client.query('commit');
        },
        async () => void (await Promise.all(clients.map((client) => client.end()))),
      );
    },
    plain(connections) {
      const pool = mysql.createPool({ uri: dsn, connectionLimit: connections });
      const orm = drizzle(pool);
      return {
        async write(batch) {
          for (const [at, { objects }] of batch.rows.entries()) {
            const table = SCHEMA[at];
            if (table === undefined || objects.length === 0) continue;
            await orm
              .insert(table)
              .values([...objects])
              .onDuplicateKeyUpdate({ set: valuesOf(table) });
          }
        },
        close: () => pool.end(),
      };
    },
    async empty() {
      for (const table of TABLES) await database.query(`truncate table ${table}`);
    },
    async drop() {
      await database.query(`set global local_infile = ${Number(before?.local_infile)}`);
      await database.drop();
    },
  };
}

/** Sets every column from the new row. */
function valuesOf(table: MySqlTable): Record<string, SQL> {
  return Object.fromEntries(
    Object.values(getTableColumns(table)).map((column) => [column.name, sql.raw(`values(\`${column.name}\`)`)]),
  );
}
