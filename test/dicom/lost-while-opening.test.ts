import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileCall, type Reading, runSync } from '../../src/dicom/files/file-calls.ts';
import { toReadError } from '../../src/dicom/files/file-error.ts';
import { StorageRoots } from '../../src/dicom/files/storage-roots.ts';
import { BindMount, canMount } from '../support/mounts.ts';

const IS_LINUX = process.platform === 'linux';

let folder: string;
let nas: string;
let store: string;
let outside: string;
let path: string;

beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'lost-while-opening-')));
  nas = join(folder, 'nas');
  store = join(folder, 'store');
  outside = join(folder, 'outside');
  path = join(store, 'study', 'a.dcm');
  for (const each of [nas, store, outside]) {
    fs.mkdirSync(join(each, 'study'), { recursive: true });
    fs.writeFileSync(join(each, 'study', 'a.dcm'), each);
  }
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

/** Opens `path` below `root`; `before` is called before each system call. Returns the file's content or the error's code. */
function opened(before: (call: FileCall['call']) => void, root = store): string {
  const roots = new StorageRoots([root]);
  const reading = roots.open(path);
  const interrupted = (function* (): Reading<number> {
    let step = reading.next();
    while (step.done !== true) {
      before(step.value.call);
      try {
        step = reading.next(yield step.value);
      } catch (error) {
        step = reading.throw(error);
      }
    }
    return step.value;
  })();
  try {
    const descriptor = runSync(interrupted, () => undefined);
    const content = fs.readFileSync(descriptor, 'utf8');
    fs.closeSync(descriptor);
    return content;
  } catch (error) {
    return toReadError(error).code;
  } finally {
    roots.close();
  }
}

/** Calls `action` before the first call of this kind only. */
function once(call: FileCall['call'], action: () => void): (call: FileCall['call']) => void {
  let isDone = false;
  return (each) => {
    if (each !== call || isDone) return;
    isDone = true;
    action();
  };
}

const CALLS: readonly FileCall['call'][] = ['realpath', 'open', 'readlink'];

describe.skipIf(!canMount())('a file whose mount is lost while its directory is opened', () => {
  beforeEach(() => fs.rmSync(join(store, 'study'), { recursive: true }));

  it('is missing, not outside of the roots, whenever the mount is lost', () => {
    for (const call of CALLS) {
      using mount = new BindMount(nas, store);
      expect(opened(once(call, () => mount.unmount())), call).toBe('file_missing');
    }
  });

  it('is opened when the mount is back at once', () => {
    for (const call of CALLS) {
      using mount = new BindMount(nas, store);
      const remount = () => {
        mount.unmount();
        mount.mount();
      };
      expect(opened(once(call, remount)), call).toBe(nas);
    }
  });

  it('is outside of the roots when the mount hid a link that leads there', () => {
    fs.symlinkSync(join(outside, 'study'), join(store, 'study'));
    using mount = new BindMount(nas, store);
    expect(opened(once('readlink', () => mount.unmount()))).toBe('outside_storage_roots');
  });
});

describe.skipIf(!IS_LINUX)('a file whose directory is moved while it is opened', () => {
  it('is missing when its root is gone, and opened when another directory has the path now', () => {
    expect(opened(once('readlink', () => fs.renameSync(store, join(folder, 'moved'))))).toBe('file_missing');
    fs.renameSync(join(folder, 'moved'), store);
    const replace = () => {
      fs.renameSync(store, join(folder, 'moved'));
      fs.renameSync(nas, store);
    };
    expect(opened(once('readlink', replace))).toBe(nas);
  });

  it('is missing when it lies in a root that is deleted', () => {
    path = join(store, 'a.dcm');
    expect(opened(once('readlink', () => fs.rmSync(store, { recursive: true })))).toBe('file_missing');
  });

  it('is outside of the roots when a link that leads there has the path now', () => {
    const swap = () => {
      fs.renameSync(join(store, 'study'), join(folder, 'moved'));
      fs.symlinkSync(join(outside, 'study'), join(store, 'study'));
    };
    for (const call of ['open', 'readlink'] as const) {
      expect(opened(once(call, swap)), call).not.toBe(outside);
      fs.unlinkSync(join(store, 'study'));
      fs.renameSync(join(folder, 'moved'), join(store, 'study'));
    }
    expect(opened(once('readlink', swap))).toBe('outside_storage_roots');
  });

  it('is outside of the roots when it is found elsewhere each time, and leaves no descriptor open', () => {
    const before = fs.readdirSync('/proc/self/fd').length;
    let calls = 0;
    const flip = (call: FileCall['call']) => {
      if (++calls > 1_000) throw new Error('the opening does not end');
      const [from, to] = [join(store, 'study'), join(folder, 'moved')];
      if (call === 'readlink') fs.renameSync(from, to);
      else if (call === 'realpath' && fs.existsSync(to)) fs.renameSync(to, from);
    };
    expect(opened(flip)).toBe('outside_storage_roots');
    expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
  });
});
