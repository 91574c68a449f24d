import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { migrationsFolder } from '../../../src/databases/migrations-folder.ts';

const root = new URL('../../..', import.meta.url).pathname;

describe('the MySQL migrations', () => {
  it('are in a folder next to package.json', () => {
    expect(migrationsFolder('mysql')).toBe(join(root, 'drizzle', 'mysql'));
  });

  it('match the schema, so that drizzle-kit finds nothing to generate', { timeout: 60_000 }, async () => {
    const copy = await mkdtemp(join(tmpdir(), 'migrations-'));
    try {
      await cp(migrationsFolder('mysql'), copy, { recursive: true });
      const before = await readdir(copy);
      // The tool puts ./ before every path it is given.
      const out = relative(root, copy);
      const kit = join(root, 'node_modules', 'drizzle-kit', 'bin.cjs');
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [kit, 'generate', '--dialect', 'mysql', '--schema', 'src/databases/mysql/schema.ts', '--out', out],
        { cwd: root },
      );
      expect(stdout).toContain('No schema changes');
      expect(await readdir(copy)).toEqual(before);
    } finally {
      await rm(copy, { recursive: true });
    }
  });
});
