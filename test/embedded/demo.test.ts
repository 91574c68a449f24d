import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addsUp, sumsOf } from '../../src/embedded/sums.ts';
import { SAMPLE_PEOPLE } from '../../src/samples/catalog.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/wado-consumer.cjs', import.meta.url));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const running = new Set<ChildProcess>();

// A test that failed must leave nobody in the folder.
afterEach(async () => {
  await Promise.all(
    [...running].map((child) => {
      child.kill('SIGKILL');
      return new Promise((resolve) => child.once('close', resolve));
    }),
  );
});

interface Run {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  output(): string;
  readonly code: Promise<number | null>;
}

function demo(...args: readonly string[]): Run {
  const child = spawn(process.execPath, [PROGRAM, 'demo', '--folder', folder, '--http', '127.0.0.1:0', ...args]);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  running.add(child);
  const code = new Promise<number | null>((resolve) => {
    child.once('close', (exitCode) => {
      running.delete(child);
      resolve(exitCode);
    });
  });
  return { child, output: () => text, code };
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 30_000; !condition(); ) {
    if (performance.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('demo', () => {
  it('--once works everything off, accounts for every record and exits with 0', async () => {
    const run = demo('--once', '--fresh', '--studies', '60', '--seed', '5');
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
    const log = await readFile(join(folder, 'service.log'), 'utf8');
    expect(log).toContain('batch acknowledged');
    for (const { name } of SAMPLE_PEOPLE) expect(log).not.toContain(name.split('=')[0]);
    expect(log).not.toMatch(/DEMO-5-|\.dcm|Sample CT/);
  });

  it('--sql asks the database that was kept', async () => {
    const run = demo('--sql', 'select count(distinct study_uid)::int as studies from dicom_state_meta');
    expect(await run.code).toBe(0);
    expect(run.output().trim().split('\n').at(-1)?.trim()).toBe('60');
    const wrong = demo('--sql', 'select nonsense');
    expect(await wrong.code).toBe(1);
  });

  it('goes on until it is stopped, and then still accounts for everything', async () => {
    const run = demo('--studies', '5');
    await until(() => /records [1-9]/.test(run.output()));
    const url = /http:\/\/[\d.:]+/.exec(run.output())?.[0];
    expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({ statuses: expect.any(Array) });
    run.child.kill('SIGINT');
    expect(await run.code, run.output()).toBe(0);
    expect(run.output()).toContain('accounted for');
  });

  it('exits with 2 when a row is missing in the end', async () => {
    const run = demo('--studies', '5');
    await until(() => /studies [1-9].*lag 0/.test(run.output()));
    const vandal = demo(
      '--sql',
      'delete from dicom_image_meta where sop_uid = (select max(sop_uid) from dicom_image_meta where source_trace_id in (select trace_id from dicom_object_meta where worker_node_id = (select max(worker_node_id) from dicom_object_meta))) returning 1 as gone',
    );
    expect(await vandal.code, vandal.output()).toBe(0);
    run.child.kill('SIGTERM');
    expect(await run.code, run.output()).toBe(2);
    expect(run.output()).toMatch(/images .*dicom_image_meta +DIFFERS/);
  });

  it('begins again where a killed one left its database', async () => {
    const killed = demo('--studies', '300');
    await until(() => /records [1-9]/.test(killed.output()));
    killed.child.kill('SIGKILL');
    await killed.code;
    const next = demo('--once', '--studies', '10');
    expect(await next.code, next.output()).toBe(0);
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
