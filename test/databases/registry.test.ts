import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { DATABASE_DRIVERS } from '../../src/databases/registry.ts';

const loaded = () =>
  Object.keys(createRequire(import.meta.url).cache).filter((file) => /node_modules\/(pg|mysql2)\//.test(file));

describe('the registry of databases', () => {
  it('checks DSNs without loading a client library, which a sink loads when it connects', async () => {
    expect(DATABASE_DRIVERS.postgres.checkDsn('postgres://user:secret@db/dicom')).toBeUndefined();
    expect(loaded()).toEqual([]);
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
    expect(loaded()).not.toEqual([]);
    await sink.close();
  });
});
