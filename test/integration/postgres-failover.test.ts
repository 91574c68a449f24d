import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { hasPostgresPrograms, primaryAndStandby } from './support/postgres-programs.ts';

describe('a DSN with two hosts', () => {
  it('leads to the one that accepts writes, before and after a promotion', async (context) => {
    if (!hasPostgresPrograms) return context.skip("PostgreSQL's programs are not installed");
    const pair = await primaryAndStandby();
    const dsn =
      `postgres://postgres@127.0.0.1:${pair.standby},127.0.0.1:${pair.primary}/postgres` +
      '?sslmode=disable&target_session_attrs=read-write';
    const sink = createPostgresSink({ name: 'postgres', dsn: () => dsn, migrate: true });
    try {
      await sink.connect();
      const first = batchOf([{ series_uid: '1.1' }]);
      expect(await sink.write(first)).toEqual([]);
      const standby = new pg.Client(`postgres://postgres@127.0.0.1:${pair.standby}/postgres`);
      await standby.connect();
      const series = async () =>
        (await standby.query('select series_uid from dicom_state_meta order by 1')).rows.map((row) => row.series_uid);
      await vi.waitFor(async () => expect(await series()).toEqual(['1.1']), 20_000);
      pair.killPrimary();
      const second = batchOf([{ series_uid: '1.2' }]);
      await vi.waitFor(
        () =>
          expect(sink.write(second)).rejects.toMatchObject({
            code: 'unavailable',
            operation: 'connect',
            detail: `standby 127.0.0.1:${pair.standby}, ECONNREFUSED 127.0.0.1:${pair.primary}`,
          }),
        20_000,
      );
      pair.promote();
      await vi.waitFor(async () => expect(await sink.write(second)).toEqual([]), 20_000);
      expect(await series()).toEqual(['1.1', '1.2']);
      await standby.end();
    } finally {
      await sink.close();
      pair.drop();
    }
  });
});
