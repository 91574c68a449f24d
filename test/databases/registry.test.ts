import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DATABASE_DRIVERS } from '../../src/databases/registry.ts';

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
  [...packagesOf(resolve(ROOT, file))].filter((name) => /^(pg|mysql2|drizzle-orm)\b/.test(name));

describe('the registry of databases', () => {
  it('loads no client library, nor does a configuration that is read; a sink does', () => {
    expect(clientsOf('src/databases/registry.ts')).toEqual([]);
    expect(clientsOf('src/config/load.ts')).toEqual([]);
    expect(clientsOf('src/databases/postgres/sink.ts')).toContain('pg');
  });

  it('checks a DSN, and makes a sink that says what it tried and where', async () => {
    expect(DATABASE_DRIVERS.postgres.checkDsn('postgres://user:secret@db/dicom')).toBeUndefined();
    const sink = DATABASE_DRIVERS.postgres.createSink({
      name: 'db',
      dsn: () => 'postgres://user:secret@127.0.0.1:1/dicom?sslmode=disable',
      connections: 1,
      migrate: false,
      statementTimeoutMs: 1_000,
    });
    await expect(sink.connect()).rejects.toMatchObject({
      message: 'db: unavailable (ECONNREFUSED 127.0.0.1:1)',
      operation: 'connect',
      address: '127.0.0.1:1',
    });
    await sink.close();
  });
});
