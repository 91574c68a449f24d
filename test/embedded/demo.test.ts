import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_PEOPLE } from '../../src/samples/catalog.ts';
import { createDemoFolder, type DemoFolder, until } from '../support/demo-folder.ts';

let folder: DemoFolder;
beforeAll(async () => {
  folder = await createDemoFolder();
});
afterEach(() => folder.killAll());
afterAll(() => folder.remove());

describe('demo', () => {
  it('--once processes everything, accounts for every record and exits with 0', async () => {
    const run = folder.demo('--once', '--fresh', '--studies', '60', '--seed', '5');
    expect(await run.code, run.output()).toBe(0);
    const output = run.output();
    expect(output.split('\n')[0]).toContain('Embedded');
    expect(output).toContain('Everything that went in is accounted for.');
    expect(output).not.toContain('DIFFERS');
    // Seven kinds of broken records, one after every eighth study.
    for (const reason of ['file_missing', 'not_dicom', 'outside_storage_roots', 'missing_required', 'truncated']) {
      expect(output).toContain(reason);
    }
  });

  it('logs no name, path or identifier of a patient', async () => {
    const log = await readFile(join(folder.path, 'service.log'), 'utf8');
    expect(log).toContain('batch acknowledged');
    for (const { name } of SAMPLE_PEOPLE) expect(log).not.toContain(name.split('=')[0]);
    expect(log).not.toMatch(/DEMO-5-|\.dcm|Sample CT/);
  });

  it('--sql queries the database of the last demo', async () => {
    const run = folder.demo('--sql', 'select count(distinct study_uid)::int as studies from dicom_state_meta');
    expect(await run.code).toBe(0);
    expect(run.output().trim().split('\n').at(-1)?.trim()).toBe('60');
  });

  it('starts again on the database of a killed demo', async () => {
    const killed = folder.demo('--studies', '100');
    await until(() => /records [1-9]/.test(killed.output()));
    killed.child.kill('SIGKILL');
    await killed.code;
    const next = folder.demo('--once', '--studies', '10');
    expect(await next.code, next.output()).toBe(0);
  });
});
