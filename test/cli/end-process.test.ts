import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { SAMPLE } from '../dicom/sample.ts';

const worker = createRequire(import.meta.url).resolve('#dicom-worker');
const faultyWorker = join(import.meta.dirname, '../dicom/workers/faulty-worker.mjs');
let folder: string;
let program: ChildProcess | undefined;

beforeEach(() => {
  expect(existsSync(worker), 'npm run build').toBe(true);
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'end-process-')));
  for (const name of ['good', 'hang']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'a.dcm'), buildDicomFile({ dataSet: SAMPLE }));
  }
});

afterEach(() => {
  program?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Reads one file in a thread of a process of its own; ends the process at any word from here. */
function start(name: string): ChildProcess {
  const built = join(worker, '../../..');
  const script = `
    const { createHeaderPool } = await import('${built}/dicom/files/pool.js');
    const { endProcess } = await import('${built}/cli/end-process.js');
    const pool = createHeaderPool({
      storageRoots: ['${folder}'], workers: 1, readTimeoutMs: 60_000, workerScript: '${faultyWorker}',
    });
    const version = { time: '2025-01-01T00:00:00.000000', traceId: 'a' };
    pool.read([{ tenantId: 't', path: '${join(folder, name, 'a.dcm')}', size: 1, patientId: 'P', studyDate: '2025-01-01', version }]).then(() => console.log('read'));
    process.stdin.once('data', () => endProcess(4));`;
  program = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  return program;
}

describe('endProcess', () => {
  it('exits with the given code when no thread is blocked', async () => {
    const child = start('good');
    if (child.stdout !== null) await once(child.stdout, 'data');
    child.stdin?.write('end\n');
    expect(await once(child, 'exit')).toEqual([4, null]);
  }, 20_000);

  it('ends the process with SIGKILL within seconds when a thread is blocked in the storage', async () => {
    const child = start('hang');
    await expect
      .poll(() => readdirSync(folder).some((name) => name.startsWith('fifo-')), { timeout: 5_000 })
      .toBe(true);
    child.stdin?.write('end\n');
    expect(await Promise.race([once(child, 'exit'), timeout(6_000)])).toEqual([null, 'SIGKILL']);
  }, 15_000);
});

describe('endProcess during the check of a storage root', () => {
  /** A process that ends as soon as a check has begun, which takes this expression. */
  function startWith(answer: string): ChildProcess {
    const built = join(worker, '../../..');
    const script = `
      const { StorageRootWatch } = await import('${built}/dicom/files/storage-root-watch.js');
      const { endProcess } = await import('${built}/cli/end-process.js');
      new StorageRootWatch({ roots: ['/'], onChange: () => {}, probe: () => ${answer} });
      await endProcess(4);`;
    program = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    return program;
  }

  it('waits for an answer and exits with the given code', async () => {
    const child = startWith('new Promise((resolve) => setTimeout(resolve, 300))');
    expect(await once(child, 'exit')).toEqual([4, null]);
  }, 20_000);

  it('ends the process with SIGKILL within seconds without an answer', async () => {
    const child = startWith('new Promise(() => {})');
    expect(await Promise.race([once(child, 'exit'), timeout(10_000)])).toEqual([null, 'SIGKILL']);
  }, 20_000);
});

function timeout(milliseconds: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve(`no end within ${milliseconds} ms`), milliseconds));
}
