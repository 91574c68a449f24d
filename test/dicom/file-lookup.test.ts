import fs, { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CheapCall } from '../../src/dicom/files/cheap-call.ts';
import { FileLookup } from '../../src/dicom/files/file-lookup.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-lookup-'));
  for (let i = 0; i < 50; i++) if (i % 3 === 0) writeFileSync(join(folder, String(i)), '');
  mkdirSync(join(folder, 'directory'));
  symlinkSync('nowhere', join(folder, 'link'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Storage of which every call is fast, and storage of which every call is slow. */
function lookups(): Readonly<Record<string, () => FileLookup>> {
  let now = 0;
  return {
    fast: () => new FileLookup({ timeoutMs: 10_000, newCall: () => new CheapCall(() => 0) }),
    slow: () => new FileLookup({ timeoutMs: 10_000, newCall: () => new CheapCall(() => now++) }),
  };
}

describe.each(['fast', 'slow'])('files on %s storage', (speed) => {
  const start = () => lookups()[speed]?.() ?? new FileLookup({ timeoutMs: 10_000 });

  it('are missing when there is nothing under their path, and not when something else is there', async () => {
    const names = ['0', '1', 'directory', 'link', 'no/such/folder'];
    expect(await start().missing(names.map((name) => join(folder, name)))).toEqual([false, true, false, false, true]);
  });

  it('are not missing when that is unknown: below a file, or with a name that no file can have', async () => {
    const paths = ['1', '0/1', 'x'.repeat(5_000), 'a\0b'].map((name) => join(folder, name));
    expect(await start().missing(paths)).toEqual([true, false, false, false]);
  });

  it('are answered in their order, however many lists are looked up at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.nat(49)), { maxLength: 4 }), async (lists) => {
        const lookup = start();
        const answers = await Promise.all(
          lists.map((list) => lookup.missing(list.map((i) => join(folder, String(i))))),
        );
        expect(answers).toEqual(lists.map((list) => list.map((i) => i % 3 !== 0)));
      }),
    );
  });
});

describe('a storage root that does not answer', () => {
  const TIMEOUT_MS = 7_500;
  const ROOTS = ['/hung/', '/good/'];
  const hung = (count: number) => Array.from({ length: count }, (_, i) => `/hung/${i}`);
  let calls: string[];
  /** End the calls that don't return. */
  let returns: (() => void)[];

  beforeEach(() => {
    calls = [];
    returns = [];
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const lstat = fs.lstat;
    vi.spyOn(fs, 'lstat').mockImplementation(((path: string, callback: fs.NoParamCallback) => {
      calls.push(path);
      if (path.startsWith('/hung/')) returns.push(() => callback(null));
      else lstat(path, callback);
    }) as typeof fs.lstat);
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  const start = (rootOf: (path: string) => number = (path) => ROOTS.findIndex((root) => path.startsWith(root))) =>
    new FileLookup({ timeoutMs: TIMEOUT_MS, rootOf });

  it('holds up no lookup of another root', async () => {
    const lookup = start();
    void lookup.missing(hung(1_000), false);
    expect(await lookup.missing(['/good/a', '/'], false)).toEqual([true, false]);
  });

  it('ends each list with what is known of its files, and is not called more often than before', async () => {
    const lookup = start();
    const mixed = lookup.missing(['/good/a', ...hung(30)], false);
    await lookup.missing(['/good/b'], false);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect(await mixed).toEqual([true, ...hung(30).map(() => undefined)]);
    const before = calls.length;
    const again = lookup.missing(hung(30), false);
    vi.advanceTimersByTime(TIMEOUT_MS);
    expect(await again).toEqual(hung(30).map(() => undefined));
    for (const end of returns) end();
    expect(calls).toHaveLength(before);
    const afterwards = lookup.missing(hung(1), false);
    returns.at(-1)?.();
    expect(await afterwards).toEqual([false]);
  });

  it('is waited for until the time is over, and not longer', async () => {
    const lookup = start();
    let ended = false;
    const answers = lookup.missing(hung(1), false).finally(() => {
      ended = true;
    });
    vi.advanceTimersByTime(TIMEOUT_MS - 1);
    await Promise.resolve();
    expect(ended).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await answers).toEqual([undefined]);
  });

  it('is not called with calls that block the thread, if they may not', async () => {
    const blocking = vi.spyOn(fs, 'lstatSync');
    expect(await start().missing(['/good/a'], false)).toEqual([true]);
    expect(blocking).not.toHaveBeenCalled();
    expect(await start().missing(['/good/a'], true)).toEqual([true]);
    expect(blocking).toHaveBeenCalledTimes(1);
  });
});
