import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    fast: () => new FileLookup(() => undefined, new CheapCall(() => 0)),
    slow: () => new FileLookup(() => undefined, new CheapCall(() => now++)),
  };
}

describe.each(['fast', 'slow'])('files on %s storage', (speed) => {
  const start = () => lookups()[speed]?.() ?? new FileLookup(() => undefined);

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
