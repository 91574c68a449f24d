import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHeaderPool, type HeaderPool } from '../../src/dicom/files/pool.ts';
import type { HeaderBatch } from '../../src/ports.ts';
import type { FileToRead } from '../../src/records/records.ts';
import { createHostileStore, type HostileStore, INSIDE, OUTSIDE } from './hostile-paths.ts';

let hostile: HostileStore;
let pool: HeaderPool;
const lost: string[] = [];

beforeAll(() => {
  hostile = createHostileStore();
  pool = createHeaderPool({
    storageRoots: [hostile.store],
    workers: 2,
    // A worker that waited for a FIFO or a device would be given up within a second, and counted.
    readTimeoutMs: 5_000,
    onWorkerLost: (reason) => lost.push(reason),
  });
});

afterAll(async () => {
  await pool.close();
  hostile.remove();
});

// Tenants of their own keep the rows of a batch apart.
function filesOf(paths: readonly string[]): FileToRead[] {
  const version = { time: '2025-01-01T00:00:00.000000', traceId: 'a' };
  return paths.map((path, index) => ({
    tenantId: `t${index}`,
    path,
    size: 1,
    patientId: 'P',
    studyDate: '2025-01-01',
    version,
  }));
}

function outcomesOf(count: number, { states, failures }: HeaderBatch): string[] {
  const failed = new Map(failures.map(({ index, error }) => [index, error.message]));
  const read = new Set(states.map(({ index }) => index));
  return Array.from({ length: count }, (_, index) => failed.get(index) ?? (read.has(index) ? 'ok' : 'lost'));
}

/** Everything that a change would show in: names, sizes, contents' times, rights. */
function stateOf(folder: string): readonly string[] {
  return fs
    .readdirSync(folder, { recursive: true })
    .map(String)
    .sort()
    .map((name) => {
      const { mode, size, mtimeMs, ctimeMs, nlink, ino } = fs.lstatSync(join(folder, name));
      return [name, mode, size, mtimeMs, ctimeMs, nlink, ino].join(' ');
    });
}

describe('the reader threads', () => {
  it('open files below the roots only, without blocking and without writing', async () => {
    const before = stateOf(hostile.folder);
    const paths = hostile.paths.map(({ path }) => path);
    const batch = await pool.read(filesOf(paths));
    const outcomes = outcomesOf(paths.length, batch);
    expect(hostile.paths.map(({ name }, index) => `${name}: ${outcomes[index]}`)).toEqual(
      hostile.paths.map(({ name, outcome }) => `${name}: ${outcome}`),
    );
    for (const { json } of batch.states) expect(String(json)).toContain(INSIDE);
    expect(lost).toEqual([]);
    expect(stateOf(hostile.folder)).toEqual(before);
  });

  it('read the same files through a root that is a link', async () => {
    const alias = join(hostile.folder, 'alias');
    fs.symlinkSync(hostile.store, alias);
    const aliased = createHeaderPool({ storageRoots: [alias], workers: 1, readTimeoutMs: 5_000 });
    const paths = [
      join(alias, 'study', 'a.dcm'),
      join(hostile.store, 'study', 'a.dcm'),
      join(alias, 'links', 'secret.dcm'),
      `${alias}/../outside/secret.dcm`,
      join(hostile.outside, 'secret.dcm'),
    ];
    const outcomes = outcomesOf(paths.length, await aliased.read(filesOf(paths)));
    await aliased.close();
    fs.unlinkSync(alias);
    expect(outcomes).toEqual(['ok', 'ok', ...Array(3).fill('outside_storage_roots')]);
  });

  it('leave the roots by no combination of path parts', { timeout: 60_000 }, async () => {
    const names = ['..', '.', '', 'store', 'outside', 'study', 'links', 'links-twice', 'link-outside', 'link-inside'];
    const more = ['a.dcm', 'secret.dcm', 'fifo', 'loop', '\0', '%2e%2e', '..\\', '‥', 'x'.repeat(255), 'CANARY'];
    const start = fc.constantFrom(hostile.store, `${hostile.store}/study`, hostile.folder, '/proc/self/cwd', '');
    const path = fc
      .tuple(start, fc.array(fc.constantFrom(...names, ...more), { maxLength: 8 }))
      .map(([root, parts]) => [root, ...parts].join('/'));
    await fc.assert(
      fc.asyncProperty(fc.array(path, { minLength: 40, maxLength: 80 }), async (paths) => {
        const batch = await pool.read(filesOf(paths));
        expect(outcomesOf(paths.length, batch)).not.toContain('lost');
        for (const { json } of [...batch.states, ...batch.images]) expect(String(json)).not.toContain(OUTSIDE);
        for (const { json } of batch.states) expect(String(json)).toContain(INSIDE);
      }),
      { numRuns: 100 },
    );
    expect(lost).toEqual([]);
  });

  it('follow no files and directories that turn into links while they are opened', {
    timeout: 60_000,
  }, async () => {
    const swapped = join(hostile.store, 'swapped');
    fs.mkdirSync(swapped);
    fs.copyFileSync(join(hostile.store, 'study', 'a.dcm'), join(swapped, 'a.dcm'));
    fs.copyFileSync(join(hostile.store, 'study', 'a.dcm'), join(swapped, 'secret.dcm'));
    const swapper = spawn(process.execPath, [join(import.meta.dirname, 'swap-links.mjs'), swapped, hostile.outside], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => swapper.stdout.once('data', resolve));
    const seen = new Map<string, number>();
    try {
      const paths = Array.from({ length: 50 }, (_, n) => join(swapped, n % 2 === 0 ? 'a.dcm' : 'secret.dcm'));
      const began = performance.now();
      // Longer where the machine is slow, until both sides of the race were met often enough.
      const isMet = () => (seen.get('ok') ?? 0) > 100 && (seen.get('outside_storage_roots') ?? 0) > 100;
      while (performance.now() - began < (isMet() ? 3_000 : 45_000)) {
        const batch = await pool.read(filesOf(paths));
        for (const { json } of batch.states) expect(String(json)).toContain(INSIDE);
        for (const outcome of outcomesOf(paths.length, batch)) seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      }
    } finally {
      swapper.kill('SIGKILL');
      await new Promise((resolve) => swapper.once('exit', resolve));
    }
    // Both sides of the race were met, or it proves nothing.
    expect(seen.get('ok')).toBeGreaterThan(100);
    expect(seen.get('outside_storage_roots')).toBeGreaterThan(100);
    expect(lost).toEqual([]);
  });
});
