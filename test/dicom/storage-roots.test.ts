import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Reading, runConcurrently, runSync } from '../../src/dicom/files/file-calls.ts';
import { toReadError } from '../../src/dicom/files/file-error.ts';
import { FileHeader } from '../../src/dicom/files/file-header.ts';
import { StorageRoots } from '../../src/dicom/files/storage-roots.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { SAMPLE } from './sample.ts';

const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'storage-roots-')));
const store = join(folder, 'store');
const outside = join(folder, 'outside');
const file = buildDicomFile({ dataSet: SAMPLE });
const reader = new FileHeader();
let roots: StorageRoots;

beforeAll(() => {
  fs.mkdirSync(join(store, 'study'), { recursive: true });
  fs.mkdirSync(outside);
  fs.writeFileSync(join(store, 'study', 'a.dcm'), file);
  fs.writeFileSync(join(outside, 'a.dcm'), file);
  roots = new StorageRoots([store, join(folder, 'not-mounted-yet')]);
});

afterAll(() => {
  roots.close();
  fs.rmSync(folder, { recursive: true });
});

function outcome(path: string, under = roots): string {
  try {
    runSync(reader.read(under.open(path)), () => {});
    return 'ok';
  } catch (error) {
    return toReadError(error).message;
  }
}

function openDescriptors(): string[] {
  return fs.readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      return [];
    }
  });
}

describe('storage roots', () => {
  it('allow files under them to be read', () => {
    expect(outcome(join(store, 'study', 'a.dcm'))).toBe('ok');
    expect(outcome(join(store, 'study', '..', 'study', 'a.dcm'))).toBe('ok');
  });

  it('reject every other path', () => {
    for (const path of [
      join(outside, 'a.dcm'),
      `${store}/../outside/a.dcm`,
      `${store}/study/../../outside/a.dcm`,
      '/etc/passwd',
      '/dev/zero',
      'a.dcm',
      '',
      `${store}-like/a.dcm`,
      `${store}/study/a.dcm\0`,
      `${store}/study/${'x'.repeat(4096)}`,
    ]) {
      const result = outcome(path);
      expect(result, path.slice(0, 80)).toBe('outside_storage_roots');
    }
  });

  it('reject a path outside at once, even if no file is there', () => {
    fs.symlinkSync(outside, join(store, 'way-out'));
    fs.symlinkSync(store, join(folder, 'way-in'));
    for (const path of [
      join(outside, 'missing.dcm'),
      join(outside, 'missing', 'a.dcm'),
      join(folder, 'nowhere', 'at', 'all', 'a.dcm'),
      '/no/such/place/a.dcm',
      `${store}-missing/a.dcm`,
      join(store, '..', 'nowhere', 'a.dcm'),
      join(store, 'way-out', 'missing', 'a.dcm'),
    ])
      expect(outcome(path), path).toBe('outside_storage_roots');
  });

  it('report a file that could still appear under them as missing, however its path is written', () => {
    for (const path of [
      join(store, 'study', 'missing.dcm'),
      join(store, 'new', 'study', 'a.dcm'),
      join(folder, 'not-mounted-yet', 'study', 'a.dcm'),
      join(folder, 'way-in', 'missing', 'a.dcm'),
    ])
      expect(outcome(path), path).toBe('file_missing');
  });

  it('reject a sibling whose name starts with the name of a root', () => {
    fs.mkdirSync(`${store}-like`);
    fs.writeFileSync(`${store}-like/a.dcm`, file);
    expect(outcome(`${store}-like/a.dcm`)).toBe('outside_storage_roots');
  });

  it('follow a link to a file inside, and none to a file outside', () => {
    fs.symlinkSync(join(store, 'study', 'a.dcm'), join(store, 'inside.dcm'));
    fs.symlinkSync(join(outside, 'a.dcm'), join(store, 'leads-out.dcm'));
    fs.symlinkSync(outside, join(store, 'directory-leads-out'));
    fs.symlinkSync('loop.dcm', join(store, 'loop.dcm'));
    expect(outcome(join(store, 'inside.dcm'))).toBe('ok');
    expect(outcome(join(store, 'leads-out.dcm'))).toBe('outside_storage_roots');
    expect(outcome(join(store, 'directory-leads-out', 'a.dcm'))).toBe('outside_storage_roots');
    expect(outcome(join(store, 'loop.dcm'))).toBe('not_a_regular_file');
  });

  it('may be configured through symbolic links', () => {
    fs.symlinkSync(store, join(folder, 'alias'));
    const aliased = new StorageRoots([join(folder, 'alias')]);
    expect(outcome(join(store, 'study', 'a.dcm'), aliased)).toBe('ok');
    expect(outcome(join(folder, 'alias', 'study', 'a.dcm'), aliased)).toBe('ok');
    aliased.close();
  });

  it('are followed when a link that names one leads to another directory', () => {
    const link = join(folder, 'current');
    const before = join(folder, 'before');
    fs.mkdirSync(join(before, 'old'), { recursive: true });
    fs.writeFileSync(join(before, 'old', 'a.dcm'), file);
    fs.symlinkSync(before, link);
    const current = new StorageRoots([link]);
    expect(outcome(join(link, 'old', 'a.dcm'), current)).toBe('ok');
    fs.rmSync(link);
    fs.symlinkSync(store, link);
    expect(outcome(join(link, 'not-there-yet', 'a.dcm'), current)).toBe('file_missing');
    expect(outcome(join(link, 'study', 'a.dcm'), current)).toBe('ok');
    expect(outcome(join(outside, 'a.dcm'), current)).toBe('outside_storage_roots');
    current.close();
  });

  it('do not depend on another root, which may not answer', () => {
    const both = new StorageRoots([join(folder, 'silent'), store]);
    const calls: string[] = [];
    const reading = both.open(join(store, 'study', 'a.dcm'));
    const watched = (function* (): Reading<number> {
      let step = reading.next();
      while (step.done !== true) {
        if ('path' in step.value) calls.push(step.value.path);
        step = reading.next(yield step.value);
      }
      return step.value;
    })();
    fs.closeSync(runSync(watched, () => {}));
    expect(calls).not.toContain(join(folder, 'silent'));
    expect(calls).toContain(store);
    both.close();
  });

  it('contain no files until they exist, and are used as soon as they are mounted', () => {
    const late = join(folder, 'late');
    const lateRoots = new StorageRoots([late]);
    expect(outcome(join(late, 'a.dcm'), lateRoots)).toBe('file_missing');
    fs.mkdirSync(late);
    fs.writeFileSync(join(late, 'a.dcm'), file);
    expect(outcome(join(late, 'a.dcm'), lateRoots)).toBe('ok');
    lateRoots.close();
  });

  it('allow regular files only, and never block on others', () => {
    execFileSync('mkfifo', [join(store, 'fifo')]);
    fs.mkdirSync(join(store, 'directory.dcm'));
    fs.symlinkSync('/dev/zero', join(store, 'zero'));
    expect(outcome(join(store, 'fifo'))).toBe('not_a_regular_file');
    expect(outcome(join(store, 'directory.dcm'))).toBe('not_a_regular_file');
    expect(outcome(`${store}/directory.dcm/`)).toBe('not_a_regular_file');
    expect(outcome(`${store}/study/..`)).toBe('not_a_regular_file');
    expect(outcome(join(store, 'zero'))).toBe('outside_storage_roots');
  });

  it('refuse a socket', async () => {
    const socket = join(store, 'socket');
    const server = createServer().listen(socket);
    await new Promise((resolve) => server.once('listening', resolve));
    expect(outcome(socket)).toBe('not_a_regular_file');
    await new Promise((resolve) => server.close(resolve));
  });

  it('distinguish a missing file from an unreadable one', () => {
    expect(outcome(join(store, 'study', 'missing.dcm'))).toBe('file_missing');
    expect(outcome(join(store, 'missing', 'a.dcm'))).toBe('file_missing');
    expect(outcome(join(store, 'study', 'a.dcm', 'x.dcm'))).toBe('file_missing');
    const locked = join(store, 'locked.dcm');
    fs.writeFileSync(locked, file, { mode: 0 });
    if (process.getuid?.() !== 0) expect(outcome(locked)).toBe('file_unreadable');
    expect(toReadError(Object.assign(new Error('EACCES: /secret/path'), { code: 'EACCES' })).message).toBe(
      'file_unreadable',
    );
    expect(toReadError(Object.assign(new Error('EIO: /secret/path'), { code: 'EIO' })).message).toBe('read_failed');
  });

  it('see a file that appears later in a cached directory, and a directory that was replaced', () => {
    const series = join(store, 'series');
    fs.mkdirSync(series);
    expect(outcome(join(series, 'late.dcm'))).toBe('file_missing');
    fs.writeFileSync(join(series, 'late.dcm'), file);
    expect(outcome(join(series, 'late.dcm'))).toBe('ok');
    fs.renameSync(series, join(store, 'old-series'));
    fs.mkdirSync(series);
    fs.writeFileSync(join(series, 'newer.dcm'), file);
    expect(outcome(join(series, 'newer.dcm'))).toBe('ok');
  });

  it.skipIf(process.platform !== 'linux')(
    'are not deceived by a directory that is replaced by a link after the check',
    () => {
      const swapped = join(store, 'swapped');
      fs.mkdirSync(swapped);
      fs.writeFileSync(join(swapped, 'a.dcm'), file);
      const fresh = new StorageRoots([store]);
      const reading = fresh.open(join(swapped, 'b.dcm'));
      let step = reading.next();
      // Between resolving the directory and opening it.
      while (step.done !== true && step.value.call !== 'open') {
        step = reading.next(fs.realpathSync(step.value.call === 'realpath' ? step.value.path : store));
      }
      fs.renameSync(swapped, join(folder, 'moved-away'));
      fs.symlinkSync(outside, swapped);
      if (step.done === true || step.value.call !== 'open') throw new Error('expected an opening');
      const { path, flags } = step.value;
      expect(() => fs.openSync(path, flags)).toThrow(/ENOTDIR|ELOOP/);
      fs.unlinkSync(swapped);
      fs.renameSync(join(folder, 'moved-away'), swapped);
      // Replaced while its handle is cached.
      expect(outcome(join(swapped, 'a.dcm'), fresh)).toBe('ok');
      fs.renameSync(swapped, join(store, 'elsewhere'));
      fs.symlinkSync(outside, swapped);
      fs.writeFileSync(join(outside, 'only-outside.dcm'), file);
      expect(outcome(join(swapped, 'only-outside.dcm'), fresh)).toBe('outside_storage_roots');
      fresh.close();
    },
  );

  it('never open a file outside', () => {
    const calls: string[] = [];
    const watched = new StorageRoots([store]);
    for (const path of [
      join(outside, 'a.dcm'),
      `${store}/../outside/a.dcm`,
      join(store, 'directory-leads-out', 'a.dcm'),
    ]) {
      const reading = watched.open(path);
      expect(() =>
        runSync(
          (function* () {
            let step = reading.next();
            while (step.done !== true) {
              calls.push(step.value.call);
              step = reading.next(yield step.value);
            }
            return step.value;
          })(),
          () => {},
        ),
      ).toThrow('outside_storage_roots');
    }
    expect(calls).toContain('realpath');
    expect(calls).not.toContain('open');
  });

  it.skipIf(process.platform !== 'linux')(
    'check where an opened directory really is, in case a parent was replaced by a link',
    () => {
      fs.mkdirSync(join(store, 'parent', 'series'), { recursive: true });
      fs.mkdirSync(join(outside, 'series'));
      fs.writeFileSync(join(outside, 'series', 'a.dcm'), file);
      const fresh = new StorageRoots([store]);
      const swapping = function* () {
        const reading = fresh.open(join(store, 'parent', 'series', 'a.dcm'));
        let step = reading.next();
        while (step.done !== true) {
          if (step.value.call === 'open') {
            fs.renameSync(join(store, 'parent'), join(folder, 'parent'));
            fs.symlinkSync(outside, join(store, 'parent'));
          }
          step = reading.next(yield step.value);
        }
        return step.value;
      };
      expect(() => runSync(swapping(), () => {})).toThrow('outside_storage_roots');
      fresh.close();
    },
  );

  it.skipIf(process.platform !== 'linux')('leave no descriptor open', async () => {
    const fresh = new StorageRoots([store]);
    const before = openDescriptors().length;
    const paths = Array.from({ length: 600 }, (_, index) => {
      const directory = join(store, 'many', String(index % 300));
      fs.mkdirSync(directory, { recursive: true });
      const path = join(directory, `${index}.dcm`);
      if (index % 3 > 0) fs.writeFileSync(path, index % 3 === 1 ? file : Buffer.alloc(3));
      return path;
    });
    await Promise.all(
      paths.map(
        (path) =>
          new Promise<void>((resolve) => {
            runConcurrently(
              new FileHeader().read(fresh.open(path)),
              () => {},
              () => resolve(),
              () => resolve(),
            );
          }),
      ),
    );
    for (const path of paths) outcome(path, fresh);
    expect(openDescriptors().length - before).toBeLessThanOrEqual(256);
    fresh.close();
    expect(openDescriptors().length).toBe(before);
  });
});
