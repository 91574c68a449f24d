import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, it } from 'vitest';
import { differences, expectedState } from '../../src/testing/end-state.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { untilError, untilNoError } from './support/readiness.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

await describeWith(['kafka', 'postgres'], 'a database that no longer takes the password', ({ kafka, postgres }) => {
  it('stalls the service until the secret file has the new one', { timeout: 180 * SECONDS }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn, partitions: 2 });
    await using admin = await superuser(pipeline.dsn);
    const role = freshName('role');
    await using _ = await roleWithPassword(admin, role, 'first-S3cret');
    const file = join(pipeline.folder, 'postgres-dsn');
    const rotateFile = (password: string) => {
      const dsn = new URL(pipeline.dsn);
      dsn.username = role;
      dsn.password = password;
      writeFileSync(file, `${dsn.href}\n`);
    };
    rotateFile('first-S3cret');
    const before = await pipeline.publish({ count: 200 });
    const service = pipeline.start({ POSTGRES_DSN: '', POSTGRES_DSN_FILE: file });
    await pipeline.untilCommitted(60 * SECONDS);

    // Open sessions stay logged in: a changed password takes effect only after the server has closed them.
    await admin.query(`alter role ${role} password 'second-S3cret'`);
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`);
    const after = await pipeline.publish({ count: 200, seed: 2 });
    await untilError(service, '28P01');
    await sleep(2 * SECONDS);
    expect(await pipeline.lag()).toBe(200);
    expect((await pipeline.endState()).deadLetters.size).toBe(0);

    rotateFile('second-S3cret');
    await pipeline.untilCommitted(60 * SECONDS);
    await untilNoError(service);
    expect(await service.signal('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(differences(await pipeline.endState(), expectedState([...before, ...after]))).toEqual([]);
    const log = pipeline.logText();
    expect(log.match(/"started"/g)).toHaveLength(1);
    expect(log).not.toContain('topology failed');
    expect(log).not.toContain('S3cret');
  });
});

async function superuser(dsn: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(dsn);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** A role that owns the database and must give its password (SCRAM-SHA-256), whatever the server asks of others. */
async function roleWithPassword(admin: pg.Client, role: string, password: string): Promise<AsyncDisposable> {
  const { rows } = await admin.query(`select current_setting('hba_file') as file`);
  const file = String(rows[0]?.file);
  const read = await admin.query('select pg_read_file($1) as text', [file]);
  const text = String(read.rows[0]?.text);
  const write = async (lines: string) => {
    await admin.query(`copy (select unnest(string_to_array(${admin.escapeLiteral(lines)}, E'\\n'))) to '${file}'`);
    await admin.query('select pg_reload_conf()');
  };
  await admin.query(`set password_encryption = 'scram-sha-256'`);
  await admin.query(`create role ${role} login password '${password}'`);
  await admin.query(`alter database ${admin.database} owner to ${role}`);
  await admin.query(`alter schema public owner to ${role}`);
  await write(`host all ${role} all scram-sha-256\n${text}`);
  return {
    async [Symbol.asyncDispose]() {
      await write(text);
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`);
      await admin.query(`reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`);
    },
  };
}
