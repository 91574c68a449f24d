import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migratePostgres } from '../../src/databases/postgres/migrate.ts';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import type { Sink } from '../../src/ports.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { freshPostgres, type PostgresDatabase } from './postgres-database.ts';
import { type Pooler, pgbouncer } from './support/postgres-programs.ts';
import { describeWith } from './support/services.ts';

await describeWith(['postgres'], 'PgBouncer in transaction mode', ({ postgres }) => {
  let database: PostgresDatabase;
  let pooler: Pooler | undefined;
  let sink: Sink | undefined;

  beforeEach(async () => {
    database = await freshPostgres(postgres.dsn);
    // A migration holds a session's lock: it goes to the server, not through the pooler.
    await migratePostgres(database.dsn);
    pooler = await pgbouncer(database.dsn);
  });
  afterEach(async () => {
    await sink?.close();
    await pooler?.stop();
    await database.drop();
  });

  const pooled = (port: number) => {
    const dsn = new URL(database.dsn);
    [dsn.hostname, dsn.port] = ['127.0.0.1', String(port)];
    return dsn.href;
  };

  /** Writes while other clients take the server connection that the write before had. */
  async function writeWhileConnectionsChange(port: number, prepare: boolean): Promise<void> {
    const dsn = pooled(port);
    sink = createPostgresSink({ name: 'postgres', dsn: () => dsn, connections: 1, prepare });
    await sink.connect();
    const other = new pg.Client(dsn);
    other.on('error', () => undefined);
    await other.connect();
    for (let round = 0; round < 6; round++) {
      expect(await sink.write(batchOf([{ series_uid: `1.${round}` }]))).toEqual([]);
      await other.query(round % 2 === 0 ? 'begin' : 'commit');
    }
    await other.end();
    expect(await database.query('select count(*)::int as n from dicom_state_meta')).toEqual([{ n: 6 }]);
  }

  it('may change the server connection: the statement is prepared again', async (context) => {
    if (pooler === undefined) return context.skip('there is no PgBouncer');
    await writeWhileConnectionsChange(pooler.port, true);
  });

  it('gets the settings of a write with each transaction where nothing is prepared, and keeps none of them', async (context) => {
    if (pooler === undefined) return context.skip('there is no PgBouncer');
    const name = new URL(database.dsn).pathname.slice(1);
    await database.query(`alter database ${name} set synchronous_commit = off`);
    await database.query('create table seen (setting text)');
    await database.query(
      'create function note() returns trigger language plpgsql as ' +
        "$$ begin insert into seen values (current_setting('synchronous_commit')); return new; end $$",
    );
    await database.query('create trigger note before insert on dicom_state_meta for each row execute function note()');
    await writeWhileConnectionsChange(pooler.port, false);
    expect(await database.query('select distinct setting from seen')).toEqual([{ setting: 'on' }]);
    const client = new pg.Client(pooled(pooler.port));
    client.on('error', () => undefined);
    await client.connect();
    expect((await client.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
    await client.end();
  });
});
