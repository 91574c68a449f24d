import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addsUp, sumsOf } from '../../src/embedded/sums.ts';
import { SAMPLE_PEOPLE } from '../../src/samples/catalog.ts';
import { createDemoFolder, type DemoFolder } from '../support/demo-folder.ts';

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
});

it('sums that differ anywhere do not add up', () => {
  const published = { records: 10, stored: 8, poison: 1, studies: 1, series: 2, images: 8 };
  const topic = (distinct: number) => ({ records: distinct, distinct, errors: {} });
  const found = {
    committed: 10,
    tables: { objects: 8, studies: 1, series: 2, images: 8 },
    states: topic(2),
    images: topic(8),
    deadLetters: topic(1),
  };
  expect(addsUp(sumsOf(published, found))).toBe(true);
  const wrong = [
    { ...found, committed: 9 },
    { ...found, tables: { ...found.tables, objects: 7 } },
    { ...found, tables: { ...found.tables, studies: 2 } },
    { ...found, tables: { ...found.tables, series: 1 } },
    { ...found, tables: { ...found.tables, images: 9 } },
    { ...found, states: topic(1) },
    { ...found, images: topic(7) },
    { ...found, deadLetters: topic(0) },
  ];
  for (const each of wrong) expect(addsUp(sumsOf(published, each))).toBe(false);
});
