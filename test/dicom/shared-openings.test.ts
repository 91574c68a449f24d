import { closeSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileCall, type Reading, runConcurrently, runSync } from '../../src/dicom/files/file-calls.ts';
import { StorageRoots } from '../../src/dicom/files/storage-roots.ts';
import { systemCode } from '../../src/errors.ts';

const FILES = 50;

let folder: string;
let roots: StorageRoots;
let calls: FileCall[];

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'shared-openings-')));
  roots = new StorageRoots([folder]);
  calls = [];
});

afterEach(() => {
  roots.close();
  rmSync(folder, { recursive: true });
});

/** The same reading; remembers its calls. */
function* watched(reading: Reading<number>): Reading<number> {
  let step = reading.next();
  while (step.done !== true) {
    calls.push(step.value);
    try {
      step = reading.next(yield step.value);
    } catch (error) {
      step = reading.throw(error);
    }
  }
  return step.value;
}

/** Opens files at the same time; resolves to a system code for each failure, `ok` for each success. */
function openAll(paths: readonly string[]): Promise<readonly string[]> {
  return Promise.all(
    paths.map(
      (path) =>
        new Promise<string>((resolve) => {
          runConcurrently(
            watched(roots.open(path)),
            () => undefined,
            (descriptor) => {
              closeSync(descriptor);
              resolve('ok');
            },
            (error) => resolve(systemCode(error) ?? 'bug'),
          );
        }),
    ),
  );
}

const pathsIn = (series: string) => Array.from({ length: FILES }, (_, n) => join(folder, series, `${n}.dcm`));
const count = (call: FileCall['call'], path: string) =>
  calls.filter((each) => each.call === call && 'path' in each && each.path === path).length;

describe('files of one directory that are opened at the same time', () => {
  it('share its resolution and its opening', async () => {
    mkdirSync(join(folder, 'series'));
    for (const path of pathsIn('series')) writeFileSync(path, '');
    expect(await openAll(pathsIn('series'))).toEqual(Array(FILES).fill('ok'));
    expect(count('realpath', join(folder, 'series'))).toBe(1);
    expect(count('open', join(folder, 'series'))).toBe(1);
  });

  it('share the failure of a directory that is missing, and find it when it appears', async () => {
    expect(await openAll(pathsIn('late'))).toEqual(Array(FILES).fill('ENOENT'));
    expect(count('realpath', join(folder, 'late'))).toBe(1);
    mkdirSync(join(folder, 'late'));
    for (const path of pathsIn('late')) writeFileSync(path, '');
    expect(await openAll(pathsIn('late'))).toEqual(Array(FILES).fill('ok'));
  });

  it('are looked up by their paths when they are missing below an open directory, which is not opened again', async () => {
    mkdirSync(join(folder, 'series'));
    writeFileSync(join(folder, 'series', '0.dcm'), '');
    await openAll([join(folder, 'series', '0.dcm')]);
    calls = [];
    expect(await openAll([join(folder, 'series', 'late.dcm')])).toEqual(['ENOENT']);
    expect(calls.map(({ call }) => call)).toEqual(['open', 'missing']);
    let answers = 0;
    expect(() => roots.openNow(join(folder, 'series', 'late.dcm'), () => answers++)).toThrow(/ENOENT/);
    expect(answers).toBe(1);
  });

  it('fail without the stack of their error, which costs more than the failed call', async () => {
    mkdirSync(join(folder, 'series'));
    writeFileSync(join(folder, 'series', '0.dcm'), '');
    await openAll([join(folder, 'series', '0.dcm')]);
    const { stackTraceLimit } = Error;
    for (const path of [join(folder, 'series', 'late.dcm'), join(folder, 'none', 'late.dcm')])
      expect(stackOf(() => roots.openNow(path, () => undefined))).not.toContain('\n    at ');
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
    expect(stackOf(() => JSON.parse(''))).toContain('\n    at ');
  });

  it('are opened below another directory that has replaced the open one', async () => {
    mkdirSync(join(folder, 'series'));
    writeFileSync(join(folder, 'series', '0.dcm'), '');
    await openAll([join(folder, 'series', '0.dcm')]);
    renameSync(join(folder, 'series'), join(folder, 'old'));
    mkdirSync(join(folder, 'series'));
    writeFileSync(join(folder, 'series', 'late.dcm'), '');
    expect(await openAll([join(folder, 'series', 'late.dcm')])).toEqual(['ok']);
  });

  it('do not share those of another directory', async () => {
    mkdirSync(join(folder, 'good'));
    for (const path of pathsIn('good')) writeFileSync(path, '');
    const found = await openAll([...pathsIn('late'), ...pathsIn('good')]);
    expect(found).toEqual([...Array(FILES).fill('ENOENT'), ...Array(FILES).fill('ok')]);
  });

  it('are not waited for by a blocking opening', () => {
    mkdirSync(join(folder, 'series'));
    writeFileSync(join(folder, 'series', '0.dcm'), '');
    // Another reading stops in the middle of opening the directory.
    const other = roots.open(join(folder, 'series', '0.dcm'));
    other.next();
    other.next(folder);
    closeSync(runSync(roots.open(join(folder, 'series', '0.dcm')), () => undefined));
  });
});

function stackOf(failing: () => unknown): string {
  try {
    failing();
  } catch (error) {
    return String((error as Error).stack);
  }
  throw new Error('did not fail');
}
