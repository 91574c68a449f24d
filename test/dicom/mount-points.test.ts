import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MountMemory, readMountPoints } from '../../src/dicom/files/mount-points.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mount-points-')));
const store = join(folder, 'nas', 'store');
mkdirSync(store, { recursive: true });
symlinkSync(store, join(folder, 'link'));
afterAll(() => rmSync(folder, { recursive: true }));

const NAS = join(folder, 'nas');

/** Whether `directory` counts as lost after each list of mount points, in order. */
async function lostAfter(directory: string, ...mounts: readonly (readonly string[])[]): Promise<readonly boolean[]> {
  let now: readonly string[] = [];
  const memory = new MountMemory(async () => now);
  const lost: boolean[] = [];
  for (const each of mounts) {
    now = ['/', '/proc', ...each];
    lost.push(await memory.isLost(directory));
  }
  return lost;
}

describe('a directory', () => {
  it('is lost when the mount that it was seen on is gone, and until it is back', async () => {
    expect(await lostAfter(store, [store], [], [], [store])).toEqual([false, true, true, false]);
  });

  it('is lost with the mount of a parent, and when it is reached by a link', async () => {
    expect(await lostAfter(store, [NAS], [])).toEqual([false, true]);
    expect(await lostAfter(join(folder, 'link'), [NAS], [])).toEqual([false, true]);
  });

  it('is not lost when it was never seen on a mount of its own, or another mount is gone', async () => {
    expect(await lostAfter(store, [], [])).toEqual([false, false]);
    expect(await lostAfter(store, [NAS, `${NAS}/sto`, `${folder}/na`], [NAS])).toEqual([false, false]);
  });

  it('is not lost when a mount is added above or on it, and lost when the new one is gone', async () => {
    expect(await lostAfter(store, [], [NAS], [NAS, store], [NAS])).toEqual([false, false, false, true]);
  });
});

describe('the mount points of this process', () => {
  it.skipIf(process.platform !== 'linux')('include the root and /proc', async () => {
    expect(await readMountPoints()).toEqual(expect.arrayContaining(['/', '/proc']));
  });
});
