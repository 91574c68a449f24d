/** What other users of the database do to the tables: locks, triggers, columns. */

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import type { Fault, Victim } from './fault.ts';

const TABLES = ['dicom_object_meta', 'dicom_state_meta', 'dicom_image_meta'] as const;
const DEADLINE_MS = 20_000;
const RETRY_MS = 200;
/** Longer than the service's statement timeout in these tests: the service always has a statement running. */
const LOCK_TIMEOUT_MS = 5_000;

/** A state row is updated by each later image of its series. */
export function lockRow(random: Random): Fault {
  const ms = random.between(1_000, 6_000);
  return {
    targets: ['database'],
    title: `the newest row of dicom_state_meta locked for ${ms} ms`,
    happen: (victim) =>
      session(victim, async (client) => {
        await client.query('begin');
        await client.query('select 1 from dicom_state_meta order by updated_time desc limit 1 for update');
        await sleep(ms);
        await client.query('rollback');
      }),
  };
}

/** Longer for a full batch than the statement timeout; a smaller statement succeeds. */
export function slowTrigger(random: Random): Fault {
  const table = random.pick(TABLES);
  const rowMs = random.between(20, 100);
  const ms = random.between(2_000, 7_000);
  return {
    targets: ['database'],
    title: `a trigger of ${rowMs} ms per row on ${table} for ${ms} ms`,
    happen: (victim) =>
      session(victim, async (client) => {
        await insist(client, [
          `create or replace function slow() returns trigger language plpgsql as
             'begin perform pg_sleep(${rowMs / 1_000}); return new; end'`,
          `create trigger slow before insert or update on ${table} for each row execute function slow()`,
        ]);
        await sleep(ms);
        await insist(client, [`drop trigger slow on ${table}`]);
      }),
  };
}

/** No row fits meanwhile, and that is no record's fault: the service must stall. */
export function addColumn(random: Random): Fault {
  const table = random.pick(TABLES);
  const ms = random.between(1_000, 5_000);
  return {
    targets: ['database'],
    title: `a column without a default added to ${table} for ${ms} ms`,
    happen: (victim) =>
      session(victim, async (client) => {
        await insist(client, [
          `alter table ${table} add column fault int not null default 0`,
          `alter table ${table} alter column fault drop default`,
        ]);
        await sleep(ms);
        await insist(client, [`alter table ${table} drop column fault`]);
      }),
  };
}

/** Past the proxy, and after the service has created the tables. */
async function session(victim: Victim, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({
    connectionString: victim.run.pipeline.dsn,
    connectionTimeoutMillis: DEADLINE_MS,
    query_timeout: DEADLINE_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
  });
  await client.connect();
  try {
    await untilTablesExist(client);
    await work(client);
  } finally {
    await client.end();
  }
}

async function untilTablesExist(client: pg.Client): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const { rows } = await client.query<{ name: string | null }>("select to_regclass('dicom_image_meta') as name");
    if (rows[0]?.name !== null) return;
    if (performance.now() > deadline) throw new Error('the service has not created its tables');
    await sleep(RETRY_MS);
  }
}

/** One transaction. Its lock waits for the service's statements and blocks later ones meanwhile. */
async function insist(client: pg.Client, statements: readonly string[]): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    try {
      await client.query(`begin; ${statements.join('; ')}; commit`);
      return;
    } catch (error) {
      await client.query('rollback');
      if (performance.now() > deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}
