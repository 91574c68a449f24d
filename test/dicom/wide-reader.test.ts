import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reading } from '../../src/dicom/files/file-calls.ts';
import { WideReader } from '../../src/dicom/files/wide-reader.ts';
import { systemCode } from '../../src/errors.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { SAMPLE } from './sample.ts';

/** Long enough for files that are answered at once on a busy machine. */
const SHORT_MS = 1_000;

let folder: string;
/** The openings that the storage has not answered yet, by the name of their file. */
let unanswered: Map<string, () => void>;
let results: Map<string, string[]>;
let progress: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wide-reader-'));
  unanswered = new Map();
  results = new Map();
  progress = 0;
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Storage that answers when the test says so. */
const roots = {
  *open(path: string): Reading<number> {
    yield { call: 'wait', until: (resume) => unanswered.set(path, resume) };
    return (yield { call: 'open', path: join(folder, path), flags: 0 }) as number;
  },
};

function answer(path: string): void {
  const resume = unanswered.get(path);
  unanswered.delete(path);
  resume?.();
}

function fileAt(path: string) {
  const report = (result: string) => results.set(path, [...(results.get(path) ?? []), result]);
  return {
    path,
    onRead: () => report('read'),
    onError: (error: unknown) =>
      report(systemCode(error) ?? (error instanceof Error && 'code' in error ? String(error.code) : 'bug')),
    onNotAttempted: () => report('not attempted'),
  };
}

/** Stores files and reads them; a name with `missing` isn't stored. */
function read(reader: WideReader, names: readonly string[], width: number): void {
  for (const name of names)
    if (!name.includes('missing')) writeFileSync(join(folder, name), buildDicomFile({ dataSet: SAMPLE }));
  reader.read(names.map(fileAt), width);
}

const createReader = (timeoutMs = 60_000) => new WideReader(roots, { timeoutMs, onProgress: () => progress++ });
const WAIT = { timeout: 10 * SHORT_MS };
const inFlight = () => [...unanswered.keys()];
const resultsOf = (names: readonly string[]) => names.map((name) => results.get(name)?.join());

describe('files on slow storage', () => {
  it('are in flight up to the width, in their order, across batches', async () => {
    const reader = createReader();
    read(reader, ['a', 'b'], 3);
    read(reader, ['c', 'd', 'missing'], 3);
    expect(inFlight()).toEqual(['a', 'b', 'c']);
    answer('b');
    await expect.poll(inFlight).toEqual(['a', 'c', 'd']);
    answer('a');
    await expect.poll(inFlight).toEqual(['c', 'd', 'missing']);
    for (const name of inFlight()) answer(name);
    await expect.poll(() => results.size).toBe(5);
    expect(resultsOf(['a', 'b', 'c', 'd', 'missing'])).toEqual(['read', 'read', 'read', 'read', 'ENOENT']);
  });

  it('follow a wider or narrower bound from the next batch on', async () => {
    const reader = createReader();
    read(reader, ['a', 'b', 'c', 'd'], 1);
    expect(inFlight()).toEqual(['a']);
    read(reader, ['e'], 3);
    expect(inFlight()).toEqual(['a', 'b', 'c']);
    read(reader, ['f'], 1);
    answer('b');
    await expect.poll(() => results.size).toBe(1);
    expect(inFlight()).toEqual(['a', 'c']);
  });

  it('fail when they take too long, and hold up no other file while there is room', async () => {
    const reader = createReader(SHORT_MS);
    read(reader, ['stuck'], 2);
    await expect.poll(() => resultsOf(['stuck']), WAIT).toEqual(['read_timeout']);
    expect(progress).toBeGreaterThan(0);
    read(reader, ['a', 'b'], 2);
    expect(inFlight()).toEqual(['stuck', 'a']);
    answer('a');
    await expect.poll(inFlight).toEqual(['stuck', 'b']);
    answer('b');
    await expect.poll(() => resultsOf(['a', 'b'])).toEqual(['read', 'read']);
  });

  it('are reported as slow once, and can be left', async () => {
    const reader = createReader(4 * SHORT_MS);
    writeFileSync(join(folder, 'slow'), buildDicomFile({ dataSet: SAMPLE }));
    const slow = { ...fileAt('slow'), onSlow: () => reader.leave(slow) };
    reader.read([slow], 2);
    answer('slow');
    await expect.poll(() => resultsOf(['slow'])).toEqual(['read']);
    const left: string[] = [];
    const other = { ...fileAt('slow'), onSlow: () => left.push('slow') && reader.leave(other) };
    reader.read([other], 2);
    await expect.poll(() => left, WAIT).toEqual(['slow']);
    answer('slow');
    await expect.poll(inFlight).toEqual([]);
    expect([left, resultsOf(['slow'])]).toEqual([['slow'], ['read']]);
  });

  it('that an earlier attempt has given up are not opened again: the next one gets the answer of its call', async () => {
    const reader = createReader(SHORT_MS);
    read(reader, ['stuck'], 2);
    await expect.poll(() => resultsOf(['stuck']), WAIT).toEqual(['read_timeout']);
    const call = unanswered.get('stuck');
    read(reader, ['stuck', 'a'], 2);
    expect([inFlight(), unanswered.get('stuck') === call]).toEqual([['stuck', 'a'], true]);
    await expect.poll(() => resultsOf(['stuck', 'a']), WAIT).toEqual(['read_timeout,read_timeout', 'read_timeout']);
    read(reader, ['stuck'], 2);
    answer('stuck');
    await expect.poll(() => resultsOf(['stuck'])).toEqual(['read_timeout,read_timeout,read']);
    // Its thread is free: a later attempt opens the file.
    read(reader, ['stuck'], 2);
    expect(unanswered.get('stuck')).not.toBe(call);
  });

  it('that were left hold up no later attempt, which gets the result or the timeout of their call once', async () => {
    const reader = createReader(SHORT_MS);
    const patient = (path: string) => {
      const onSlow = () => left.push(path) && reader.leave(file);
      const file = { ...fileAt(path), onSlow, onUnfinished: () => unfinished.push(path) };
      return file;
    };
    const [left, unfinished]: [string[], string[]] = [[], []];
    for (const name of ['done', 'stuck', 'missing']) {
      if (name !== 'missing') writeFileSync(join(folder, name), buildDicomFile({ dataSet: SAMPLE }));
      reader.read([patient(name)], 3);
    }
    await expect.poll(() => left, WAIT).toEqual(['done', 'stuck', 'missing']);
    reader.read([patient('stuck')], 3);
    expect(unfinished).toEqual(['stuck']);
    const calls = inFlight();
    answer('done');
    answer('missing');
    await expect
      .poll(() => {
        for (const name of ['done', 'missing']) if (!results.has(name)) reader.read([patient(name)], 3);
        return resultsOf(['done', 'missing']);
      }, WAIT)
      .toEqual(['read', 'ENOENT']);
    expect(calls).toEqual(['done', 'stuck', 'missing']);
    const attempts = () => {
      reader.read([patient('stuck')], 3);
      return resultsOf(['stuck']);
    };
    await expect.poll(attempts, WAIT).toEqual(['read_timeout']);
    // It has its whole time again.
    const before = unfinished.length;
    expect([attempts(), unfinished.length - before]).toEqual([['read_timeout'], 1]);
    await expect.poll(attempts, WAIT).toEqual(['read_timeout,read_timeout']);
  });

  it('are not attempted while every call is stuck, and are read when the storage answers', async () => {
    const reader = createReader(SHORT_MS);
    read(reader, ['a', 'b', 'c'], 2);
    await expect
      .poll(() => resultsOf(['a', 'b', 'c']), WAIT)
      .toEqual(['read_timeout', 'read_timeout', 'not attempted']);
    read(reader, ['d'], 2);
    expect(resultsOf(['d'])).toEqual(['not attempted']);
    answer('a');
    answer('b');
    await new Promise((resolve) => setTimeout(resolve, 100));
    read(reader, ['e'], 2);
    answer('e');
    await expect.poll(() => resultsOf(['e'])).toEqual(['read']);
    expect(resultsOf(['a', 'b'])).toEqual(['read_timeout', 'read_timeout']);
  });

  it('are read from one root while another one answers no call, and the others of that root are not attempted', async () => {
    const rootOf = (path: string) => (path.startsWith('stuck') ? 1 : 0);
    const reader = new WideReader(roots, { timeoutMs: SHORT_MS, onProgress: () => progress++, rootOf });
    const stuck = Array.from({ length: 12 }, (_, n) => `stuck-${n}`);
    read(reader, [...stuck, 'a'], 8);
    expect(inFlight()).toEqual([...stuck.slice(0, 6), 'a']);
    answer('a');
    await expect.poll(() => resultsOf(stuck.slice(6)), WAIT).toEqual(Array(6).fill('not attempted'));
    expect(resultsOf(['a', ...stuck.slice(0, 6)])).toEqual(['read', ...Array(6).fill('read_timeout')]);
    read(reader, ['stuck-again', 'b'], 8);
    expect(resultsOf(['stuck-again'])).toEqual(['not attempted']);
    answer('b');
    await expect.poll(() => resultsOf(['b']), WAIT).toEqual(['read']);
    for (const name of inFlight()) answer(name);
    await new Promise((resolve) => setTimeout(resolve, 100));
    read(reader, ['stuck-no-more'], 8);
    answer('stuck-no-more');
    await expect.poll(() => resultsOf(['stuck-no-more']), WAIT).toEqual(['read']);
  });

  it('leave no descriptor open, the stuck ones included', async () => {
    const reader = createReader(SHORT_MS);
    const lowest = openSync(folder, 'r');
    closeSync(lowest);
    const before = readdirSync('/proc/self/fd').length;
    read(reader, ['a', 'stuck', 'missing'], 3);
    answer('a');
    answer('missing');
    await expect.poll(() => results.size, WAIT).toBe(3);
    answer('stuck');
    await expect.poll(() => readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('each have one result, whatever the order of the answers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat(100)),
        async (batches, width, picks) => {
          results.clear();
          const reader = createReader();
          const names = batches.map(([size, missing], batch) =>
            Array.from({ length: size + 1 }, (_, n) => `${batch}-${n}${missing ? '-missing' : ''}`),
          );
          for (const batch of names) read(reader, batch, width);
          const all = names.flat();
          while (results.size < all.length) {
            expect(inFlight().length).toBeLessThanOrEqual(width);
            const [pick = 0] = picks.take(1);
            const waiting = inFlight();
            if (waiting.length > 0) answer(waiting[pick % waiting.length] ?? '');
            await new Promise(setImmediate);
          }
          expect(resultsOf(all)).toEqual(all.map((name) => (name.includes('missing') ? 'ENOENT' : 'read')));
        },
      ),
      { numRuns: 30 },
    );
  });
});
