import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DATABASE_DRIVER_NAMES } from '../../src/databases/registry.ts';
import { importsOf, sourceFiles } from './imports.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const DRIVERS = 'src/databases';
const product = sourceFiles('src', 'topology');
const folders = readdirSync(join(ROOT, DRIVERS), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** The driver's folder that a file is in. */
const folderOf = (file: string) => folders.find((folder) => file.startsWith(`${DRIVERS}/${folder}/`));

describe('a database driver', () => {
  it('is a folder of its own with driver.ts, which only the registry imports', () => {
    expect(folders).toEqual([...DATABASE_DRIVER_NAMES].sort());
    const foreign = product.flatMap((file) =>
      importsOf(file)
        .filter((imported) => folderOf(imported) !== undefined && folderOf(imported) !== folderOf(file))
        .map((imported) => `${file} → ${imported}`),
    );
    expect(foreign.sort()).toEqual(folders.map((name) => `${DRIVERS}/registry.ts → ${DRIVERS}/${name}/driver.ts`));
  });

  it('is named by no other file of the product, so that a new one needs no change there', () => {
    // The demo and the test harness start servers, each kind in its own way.
    const others = product.filter((file) => folderOf(file) === undefined && !/^src\/(embedded|testing)\//.test(file));
    const naming = others.filter((file) => {
      const text = readFileSync(join(ROOT, file), 'utf8').replace(/^\s*(\/?\*|\/\/).*$/gm, '');
      return DATABASE_DRIVER_NAMES.some((name) => new RegExp(`['"\`]${name}\\b`).test(text));
    });
    expect(naming).toEqual([]);
  });
});
