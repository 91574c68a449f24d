import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultOptions } from '../../src/databases/driver-options.ts';
import { DATABASE_DRIVER_NAMES, DATABASE_DRIVERS, databaseDriver } from '../../src/databases/registry.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** The packages that a module loads when it is imported, by itself or through others. */
function packagesOf(file: string, seen = new Set<string>()): ReadonlySet<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(/^import (?!type )[^;]*?'([^']+)';$/gm)) {
    if (!specifier.startsWith('.')) packages.add(specifier);
    else for (const each of packagesOf(resolve(dirname(file), specifier), seen)) packages.add(each);
  }
  return packages;
}

const clientsOf = (file: string) =>
  [...packagesOf(resolve(ROOT, file))].filter((name) => /^(pg|mysql2|undici|drizzle-orm)\b/.test(name));

describe('the registry of databases', () => {
  it('loads no client library, nor does a configuration that is read; a sink does', () => {
    expect(clientsOf('src/databases/registry.ts')).toEqual([]);
    expect(clientsOf('src/config/load.ts')).toEqual([]);
    expect(clientsOf('src/databases/postgres/sink.ts')).toContain('pg');
  });

  it.each(DATABASE_DRIVER_NAMES)(
    '%s refuses a text that is no DSN without repeating it, and describes nothing of it',
    (name) => {
      const driver = databaseDriver(name);
      for (const dsn of ['secret', 'http://user:secret@host/db', '', 'oracle://user:secret@host/db']) {
        const fault = driver.checkDsn(dsn);
        expect(fault).toMatch(/expected/);
        expect(fault).not.toContain('secret');
      }
      expect(driver.describe('user:se/cr@et@host')).toBeUndefined();
    },
  );

  it('checks a DSN, and makes a sink that says what it tried and where', async () => {
    const { postgres } = DATABASE_DRIVERS;
    expect(postgres.checkDsn('postgres://user:secret@db/dicom')).toBeUndefined();
    const sink = postgres.createSink({
      name: 'db',
      dsn: () => 'postgres://user:secret@127.0.0.1:1/dicom?sslmode=disable',
      connections: 1,
      migrate: false,
      statementTimeoutMs: 1_000,
      options: defaultOptions(postgres.options),
    });
    await expect(sink.connect()).rejects.toMatchObject({
      message: 'db: unavailable (ECONNREFUSED 127.0.0.1:1)',
      operation: 'connect',
      address: '127.0.0.1:1',
    });
    await sink.close();
  });
});
