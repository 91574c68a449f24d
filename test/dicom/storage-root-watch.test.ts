import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  pendingRootProbes,
  type RootProbe,
  StorageRootWatch,
  type StorageRootWatchOptions,
} from '../../src/dicom/files/storage-root-watch.ts';

let folder: string;
let watch: StorageRootWatch | undefined;
let changes: [index: number, code: string | undefined][];
/** The checks of other test files in this process that are still pending. */
let others: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'root-watch-'));
  changes = [];
  others = pendingRootProbes();
});

afterEach(() => {
  watch?.close();
  rmSync(folder, { recursive: true });
});

function start(roots: readonly string[], options: Partial<StorageRootWatchOptions> = {}): StorageRootWatch {
  watch = new StorageRootWatch({
    roots,
    onChange: (index, code) => changes.push([index, code]),
    intervalMs: 5,
    timeoutMs: 10_000,
    ...options,
  });
  return watch;
}

const below = (...names: string[]) => join(folder, ...names);
const reported = (count: number) => expect.poll(() => changes.length).toBe(count);

describe('the watch over storage roots', () => {
  it('reports each root once after the first check, with the reason why it cannot be used', async () => {
    mkdirSync(below('good'));
    writeFileSync(below('file'), '');
    symlinkSync('loop', below('loop'));
    symlinkSync('good', below('link'));
    start([below('good'), below('missing'), below('file'), below('loop'), below('link')]);
    await reported(5);
    expect(changes).toEqual([
      [0, undefined],
      [1, 'ENOENT'],
      [2, 'ENOTDIR'],
      [3, 'ELOOP'],
      [4, undefined],
    ]);
    // Further rounds change nothing, and report nothing.
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(changes).toHaveLength(5);
  });

  it('accepts a root that can be searched but not listed, as files are opened by name', async () => {
    mkdirSync(below('unlisted'));
    chmodSync(below('unlisted'), 0o111);
    start([below('unlisted')]);
    await reported(1);
    expect(changes).toEqual([[0, undefined]]);
  });

  it('reports a root that appears, and one that disappears', async () => {
    start([below('late')]);
    await reported(1);
    mkdirSync(below('late'));
    await reported(2);
    rmSync(below('late'), { recursive: true });
    await reported(3);
    expect(changes).toEqual([
      [0, 'ENOENT'],
      [0, undefined],
      [0, 'ENOENT'],
    ]);
  });

  it('reports a root that does not answer as ETIMEDOUT, asks it no second time meanwhile, and checks the others', async () => {
    const calls = new Map<string, number>();
    let answer: (code: string | undefined) => void = () => undefined;
    const probe: RootProbe = (root) => {
      calls.set(root, (calls.get(root) ?? 0) + 1);
      if (root !== '/dead' || calls.get(root) !== 1) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    start(['/dead', '/good'], { probe, timeoutMs: 20 });
    await reported(2);
    expect(changes).toEqual([
      [0, 'ETIMEDOUT'],
      [1, undefined],
    ]);
    await expect.poll(() => calls.get('/good')).toBeGreaterThan(3);
    expect(calls.get('/dead')).toBe(1);
    expect(pendingRootProbes()).toBeGreaterThan(0);
    expect(pendingRootProbes()).toBeLessThanOrEqual(others + 1);
    answer(undefined);
    await reported(3);
    expect(changes[2]).toEqual([0, undefined]);
    await expect.poll(pendingRootProbes).toBeLessThanOrEqual(others);
  });

  it('says that a root was unusable after a check of its own, and that it is usable only for what began later', async () => {
    let code: string | undefined;
    const root = start(['/nas'], { probe: async () => code, intervalMs: 3_600_000 });
    await reported(1);
    const before = performance.now();
    expect(await root.usableSince(0, before)).toBe(true);
    code = 'not_mounted';
    expect(await root.usableSince(0, before)).toBe(false);
    code = undefined;
    expect(await root.usableSince(0, before), 'the mount was lost meanwhile').toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await root.usableSince(0, performance.now())).toBe(true);
  });

  it('does not conclude from a check that began before the question, and checks once for all questions', async () => {
    const answers: ((code: string | undefined) => void)[] = [];
    const probe: RootProbe = () => new Promise((resolve) => answers.push(resolve));
    const root = start(['/nas'], { probe, intervalMs: 3_600_000 });
    await expect.poll(() => answers.length).toBe(1);
    const asked = Promise.all(Array.from({ length: 50 }, () => root.usableSince(0, performance.now())));
    answers[0]?.(undefined);
    await expect.poll(() => answers.length).toBe(2);
    answers[1]?.('not_mounted');
    expect(await asked).toEqual(Array(50).fill(false));
    expect(answers).toHaveLength(2);
  });

  it('does not wait for a root that does not answer longer than a check takes', async () => {
    let answer: (code: string | undefined) => void = () => undefined;
    const probe: RootProbe = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const root = start(['/dead'], { probe, timeoutMs: 20, intervalMs: 3_600_000 });
    expect(await root.usableSince(0, performance.now())).toBe(false);
    expect(changes).toEqual([[0, 'ETIMEDOUT']]);
    answer(undefined);
    await expect.poll(pendingRootProbes).toBeLessThanOrEqual(others);
  });

  it('checks the other roots while three do not answer, where that many checks may be pending', async () => {
    const answers: (() => void)[] = [];
    const probe: RootProbe = (root) =>
      root === '/good' ? Promise.resolve(undefined) : new Promise((resolve) => answers.push(() => resolve(undefined)));
    start(['/a', '/b', '/c', '/good'], { probe, timeoutMs: 20, maxPending: 8 });
    await reported(4);
    expect(changes.at(-1)).toEqual([3, undefined]);
    watch?.close();
    for (const each of answers) each();
    await expect.poll(pendingRootProbes).toBeLessThanOrEqual(others);
  });

  it('never has more than two checks pending, whatever the number of dead roots', async () => {
    const answers: (() => void)[] = [];
    const probe: RootProbe = () => new Promise((resolve) => answers.push(() => resolve(undefined)));

    start(['/a', '/b', '/c', '/d'], { probe, timeoutMs: 20 });
    await reported(2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answers).toHaveLength(2);
    watch?.close();
    for (const each of answers) each();
    await expect.poll(pendingRootProbes).toBeLessThanOrEqual(others);
  });
});
