import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startMysql } from '../../src/embedded/mysql-server.ts';
import { until } from '../../src/testing/until.ts';
import { createDemoFolder, type DemoFolder } from '../support/demo-folder.ts';

let folder: DemoFolder;
beforeAll(async () => {
  folder = await createDemoFolder();
});
afterEach(() => folder.killAll());
afterAll(() => folder.remove());

const NONE = 'there is no mysqld and no mariadbd on this machine';

describe('demo --database mysql', () => {
  it('accounts for every record in a real server, or says that this machine has none', async () => {
    const run = folder.demo('--once', '--fresh', '--studies', '20', '--database', 'mysql');
    const code = await run.code;
    if (run.output().includes(NONE)) return expect(code).toBe(1);
    expect(code, run.output()).toBe(0);
    expect(run.output()).toMatch(/database {7}(MySQL|MariaDB) \d+\./);
    expect(run.output()).toContain('Everything that went in is accounted for.');
    const query = folder.demo('--sql', 'select count(distinct study_uid) as studies from dicom_state_meta');
    expect(await query.code, query.output()).toBe(0);
    expect(query.output().trim().split('\n').at(-1)?.trim()).toBe('20');
  });

  it('starts again on the database of a killed demo, whose server it ends', async () => {
    const killed = folder.demo('--studies', '50', '--database', 'mysql');
    await until('it processes', () => /records [1-9]/.test(killed.output()) || killed.output().includes(NONE), 60_000);
    killed.child.kill('SIGKILL');
    await killed.code;
    if (killed.output().includes(NONE)) return;
    const next = folder.demo('--once', '--studies', '5', '--database', 'mysql');
    expect(await next.code, next.output()).toBe(0);
  });
});

describe('startMysql', () => {
  it('has a code for a machine without a server', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'no-mysql-'));
    await expect(startMysql({ folder: empty }, ['/does/not/exist/mysqld'])).rejects.toMatchObject({ code: 'no_mysql' });
    await rm(empty, { recursive: true });
  });
});
