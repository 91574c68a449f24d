import { afterEach, describe, expect, it } from 'vitest';
import { StorageOutages, type StorageOutagesOptions } from '../../src/dicom/files/storage-outages.ts';
import type { RootProbe } from '../../src/dicom/files/storage-root-watch.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

let outages: StorageOutages | undefined;
let changes: [index: number, code: string | undefined][];

afterEach(() => outages?.close());

const HEALTHY: RootProbe = () => Promise.resolve(undefined);
const reported = (count: number) => expect.poll(() => changes.length).toBe(count);

function start(roots: readonly string[], options: Partial<StorageOutagesOptions> = {}): StorageOutages {
  changes = [];
  outages = new StorageOutages({
    roots,
    limits: { share: 0.95, files: 200, settleMs: 0 },
    onChange: (index, code) => changes.push([index, code]),
    probe: HEALTHY,
    intervalMs: 5,
    ...options,
  });
  return outages;
}

/** `count` files below `folder`, each with `outcome`; returns them for further attempts. */
function attempts(folder: string, count: number, outcome: 'found' | 'missing' | 'failing', code?: string) {
  const files = Array.from({ length: count }, (_, n) => ({ path: `${folder}/${outcome}/${n}.dcm` }));
  for (const file of files) outages?.add(file, outcome, code);
  outages?.update();
  return files;
}

describe('a root', () => {
  it('is checked although three others do not answer, where that many checks may be pending', async () => {
    const answers: (() => void)[] = [];
    const probe: RootProbe = (root) =>
      root === '/lost' ? Promise.resolve('ENOENT') : new Promise((resolve) => answers.push(() => resolve(undefined)));
    start(['/a', '/b', '/c', '/lost'], { probe, maxPendingChecks: 8 });
    for (const root of ['/a', '/b', '/c', '/lost']) attempts(root, 1, 'failing', 'EIO');
    await expect.poll(() => changes).toContainEqual([3, 'ENOENT']);
    // No further check begins, which would stay pending in this process.
    outages?.close();
    for (const answer of answers) answer();
  });
});

describe('a file', () => {
  const faults: Readonly<Record<string, string>> = { '/lost': 'ENOENT', '/good/lost': 'ESTALE' };
  const probe: RootProbe = (root) => Promise.resolve(faults[root]);

  it('cannot be read because of its root when the innermost root above it is unusable', async () => {
    const roots = start(['/lost', '/good', '/good/lost'], { probe });
    expect(roots.isUnusable('/lost/a.dcm'), 'before the first check').toBe(false);
    await reported(3);
    expect(roots.isUnusable('/lost/study/a.dcm')).toBe(true);
    expect(roots.isUnusable('/good/../lost/a.dcm')).toBe(true);
    expect(roots.isUnusable('/good/lost/a.dcm')).toBe(true);
  });

  it('is not held back by another root, a sibling with the same prefix, or a path out of its root', async () => {
    const roots = start(['/lost', '/good', '/good/lost'], { probe });
    await reported(3);
    expect(roots.isUnusable('/good/a.dcm')).toBe(false);
    expect(roots.isUnusable('/good/lost-and-found/a.dcm')).toBe(false);
    expect(roots.isUnusable('/lost/../good/a.dcm')).toBe(false);
    expect(roots.isUnusable('/elsewhere/a.dcm')).toBe(false);
  });

  it('is held back under a path that names no root only when every root is unusable', async () => {
    const roots = start(['/lost'], { probe });
    await reported(1);
    expect(roots.isUnusable('/alias/of/lost/a.dcm')).toBe(true);
  });

  it('has a fault of its own when its innermost root can be used, or its path names no root', async () => {
    const roots = start(['/lost', '/good', '/good/lost'], { probe });
    const wasUsable = (file: string) => roots.wasUsable(file, performance.now());
    expect(await wasUsable('/good/a.dcm')).toBe(true);
    expect(await wasUsable('/lost/a.dcm')).toBe(false);
    expect(await wasUsable('/good/lost/a.dcm')).toBe(false);
    expect(await wasUsable('/lost/../etc/passwd')).toBe(true);
  });
});

describe('a root that answers', () => {
  it('is reported as unusable when its files are missing, beside one whose files are found', async () => {
    const roots = start(['/a', '/b']);
    await reported(2);
    attempts('/b', 500, 'found');
    attempts('/a', 200, 'missing');
    expect(changes.slice(2)).toEqual([[0, 'files_missing']]);
    expect([roots.isUnusable('/a/x.dcm'), roots.isUnusable('/b/x.dcm')]).toEqual([true, false]);
  });

  it('is reported as usable again when its files are found, and then one missing file is one missing file', async () => {
    const roots = start(['/a']);
    await reported(1);
    const lost = attempts('/a', 200, 'missing');
    for (const file of lost.slice(0, 20)) roots.add(file, 'found');
    roots.update();
    expect(changes.slice(1)).toEqual([
      [0, 'files_missing'],
      [0, undefined],
    ]);
    attempts('/a', 1, 'missing');
    expect(roots.isUnusable('/a/x.dcm')).toBe(false);
  });

  it('stays unusable for the reason of its own check while its files are found', async () => {
    const roots = start(['/a'], { probe: () => Promise.resolve('not_mounted') });
    await reported(1);
    attempts('/a', 500, 'found');
    expect(roots.isUnusable('/a/x.dcm')).toBe(true);
  });
});

describe('a file that cannot be read', () => {
  it('has its root checked at once, but not more than four times per second', async () => {
    let checks = 0;
    const probe: RootProbe = () => {
      checks++;
      return Promise.resolve(checks === 1 ? undefined : 'not_mounted');
    };
    const roots = start(['/a'], { probe, intervalMs: 3_600_000 });
    await reported(1);
    attempts('/a', 100, 'missing');
    expect(checks).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    attempts('/a', 100, 'found');
    expect(checks).toBe(1);
    attempts('/a', 100, 'missing');
    await reported(2);
    expect(checks).toBe(2);
    expect(roots.isUnusable('/a/x.dcm')).toBe(true);
  });
});

describe('below an unusable root', () => {
  it('every new file is tried, and a few per second of those that failed before', async () => {
    let now = 0;
    const roots = start(['/a', '/b'], { now: () => now });
    await reported(2);
    const lost = attempts('/a', 300, 'missing');
    const tried = () => lost.filter((file) => roots.mayTry(file)).length;
    expect(roots.mayTry({ path: '/a/new.dcm' })).toBe(true);
    expect([tried(), tried()]).toEqual([32, 0]);
    now += 1_000;
    expect(tried()).toBe(32);
  });

  it('a file is known by its record, whatever object describes it', async () => {
    const roots = start(['/a']);
    await reported(1);
    const sources = attempts('/a', 200, 'missing').map(({ path }) => ({ path, source: { record: path } }));
    for (const file of sources) roots.add(file, 'missing');
    const tried = sources.filter(({ path, source }) => roots.mayTry({ path, source }));
    expect(tried).toHaveLength(32);
    expect(roots.mayTry({ path: '/a/new.dcm', source: {} })).toBe(true);
  });

  it('a file is known by the origin of its record, which a copy of the record has, too', async () => {
    const roots = start(['/a']);
    await reported(1);
    const files = attempts('/a', 200, 'missing').map(({ path }) => ({ path, source: { origin: new MemoryOrigin() } }));
    for (const file of files) roots.add(file, 'missing');
    const copies = files.map(({ path, source }) => ({ path, source: { ...source } }));
    expect(copies.filter((file) => roots.mayTry(file))).toHaveLength(32);
    expect(roots.mayTry({ path: '/a/new.dcm', source: { origin: new MemoryOrigin() } })).toBe(true);
  });

  it('no file is tried while the root does not answer, and files of other roots are', async () => {
    const roots = start(['/dead', '/good'], {
      probe: (root) => Promise.resolve(root === '/dead' ? 'ETIMEDOUT' : undefined),
    });
    await reported(2);
    expect(roots.mayTry({ path: '/dead/new.dcm' })).toBe(false);
    expect(roots.mayTry({ path: '/good/new.dcm' })).toBe(true);
  });
});
