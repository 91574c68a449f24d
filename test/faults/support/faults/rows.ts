/** What other users of the database do to the tables: locks, triggers, columns. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import {
  type DatabaseName,
  dropTriggerSql,
  hasTables,
  type Run,
  slowTriggerSql,
  TITLES,
  withSession,
} from '../database.ts';
import type { Fault, Victim } from './fault.ts';

const TABLES = ['dicom_object_meta', 'dicom_state_meta', 'dicom_image_meta'] as const;
const DEADLINE_MS = 20_000;
const RETRY_MS = 200;

/** A state row is updated by each later image of its series. */
export function lockRow(random: Random, on: DatabaseName): Fault {
  const ms = random.between(1_000, 6_000);
  return {
    targets: [on],
    title: `the newest row of dicom_state_meta in ${TITLES[on]} locked for ${ms} ms`,
    happen: (victim) =>
      session(victim, on, async (run) => {
        // By its key: MySQL locks every row that it reads to sort them.
        const [newest = []] = await run(
          'select tenant_id, study_uid, series_uid from dicom_state_meta order by updated_time desc limit 1',
        );
        const [tenant, study, series] = newest;
        const key = `tenant_id = '${tenant}' and study_uid = '${study}' and series_uid = '${series}'`;
        await run('begin');
        await run(`select 1 from dicom_state_meta where ${key} for update`);
        await sleep(ms);
        await run('rollback');
      }),
  };
}

/** Longer for a full batch than the statement timeout; a smaller statement succeeds. */
export function slowTrigger(random: Random, on: DatabaseName): Fault {
  const table = random.pick(TABLES);
  const rowMs = random.between(20, 100);
  const ms = random.between(2_000, 7_000);
  return {
    targets: [on],
    title: `a trigger of ${rowMs} ms per row on ${table} in ${TITLES[on]} for ${ms} ms`,
    happen: (victim) =>
      session(victim, on, async (run) => {
        await insist(run, on, slowTriggerSql(on, table, rowMs));
        await sleep(ms);
        await insist(run, on, dropTriggerSql(on, table));
      }),
  };
}

/** No row fits meanwhile, and that is no record's fault: the service must stall. */
export function addColumn(random: Random, on: DatabaseName): Fault {
  const table = random.pick(TABLES);
  const ms = random.between(1_000, 5_000);
  return {
    targets: [on],
    title: `a column without a default added to ${table} in ${TITLES[on]} for ${ms} ms`,
    happen: (victim) =>
      session(victim, on, async (run) => {
        await insist(run, on, [
          `alter table ${table} add column fault int not null default 0`,
          `alter table ${table} alter column fault drop default`,
        ]);
        await sleep(ms);
        await insist(run, on, [`alter table ${table} drop column fault`]);
      }),
  };
}

/** Past the proxy, and after the service has created the tables. */
async function session(
  { run: { databases } }: Victim,
  on: DatabaseName,
  work: (run: Run) => Promise<void>,
): Promise<void> {
  const database = databases.find(({ name }) => name === on);
  if (database === undefined) throw new Error(`this run has no ${on}`);
  await withSession(database, async (run) => {
    await untilTablesExist(run, on);
    await work(run);
  });
}

async function untilTablesExist(run: Run, on: DatabaseName): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await hasTables(run, on))) {
    if (performance.now() > deadline) throw new Error('the service has not created its tables');
    await sleep(RETRY_MS);
  }
}

/** Its lock waits for the service's statements and blocks later ones meanwhile. */
async function insist(run: Run, on: DatabaseName, statements: readonly string[]): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (let done = 0; done < statements.length; ) {
    try {
      // PostgreSQL undoes all of them with the transaction. In MySQL each statement of DDL is committed by itself.
      const next = on === 'postgres' ? `begin; ${statements.join('; ')}; commit` : (statements[done] ?? '');
      await run(next);
      done += on === 'postgres' ? statements.length : 1;
    } catch (error) {
      await run('rollback');
      if (performance.now() > deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}
