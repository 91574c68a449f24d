import { defer, from, lastValueFrom, mergeMap, toArray } from 'rxjs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createPostgresSink, type PostgresSinkOptions } from '../../src/databases/postgres/sink.ts';
import { retryTransient } from '../../src/operators/retry-transient.ts';
import { createHealth } from '../../src/ops/health.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { observeSink } from '../../src/ops/observe.ts';
import type { Sink } from '../../src/ports.ts';
import type { GroupedBatch } from '../../src/records/records.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { freshPostgres, type PostgresDatabase } from './postgres-database.ts';
import { describeWith } from './support/services.ts';

await describeWith(['postgres'], 'a statement that PostgreSQL does not finish in time', ({ postgres }) => {
  let database: PostgresDatabase;
  let sink: Sink;

  beforeEach(async () => {
    database = await freshPostgres(postgres.dsn);
  });
  afterEach(async () => {
    await sink.close();
    await database.drop();
  });

  async function connect(options: Partial<PostgresSinkOptions>): Promise<void> {
    sink = createPostgresSink({ name: 'postgres', dsn: () => database.dsn, migrate: true, connections: 1, ...options });
    await sink.connect();
  }

  /** Writes every batch until it is stored; resolves to what was refused of them. */
  const store = (batches: readonly GroupedBatch[]) =>
    lastValueFrom(
      from(batches).pipe(
        mergeMap((batch) =>
          defer(() => sink.write(batch)).pipe(retryTransient('postgres', { initialDelayMs: 20, maxDelayMs: 200 })),
        ),
        mergeMap((rejections) => rejections),
        toArray(),
      ),
    );
  const batches = (count: number) =>
    Array.from({ length: count }, (_, b) =>
      batchOf(Array.from({ length: 50 }, (__, n) => ({ series_uid: `1.${b}.${n}`, sop_uid: `1.${b}.${n}.1` }))),
    );
  const stored = async () => Number((await database.query('select count(*)::int as n from dicom_object_meta'))[0]?.n);

  it('gets smaller statements, down to one row, when each row is slow', async () => {
    for (const [table, ms] of [
      ['object', 20],
      ['state', 400],
    ] as const) {
      await connect({ statementTimeoutMs: 800 });
      await database.query(
        `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(${ms / 1000}); return new; end $$;` +
          `create trigger slow before insert on dicom_${table}_meta for each row execute function slow()`,
      );
      const before = await stored();
      const files =
        ms > 100 ? [batchOf([{ series_uid: '9.1' }, { series_uid: '9.2' }, { series_uid: '9.3' }])] : batches(4);
      expect(await store(files)).toEqual([]);
      expect(await stored()).toBe(before + files.flatMap(({ grouped }) => grouped).length);
      await database.query(`drop trigger slow on dicom_${table}_meta; drop function slow`);
      await sink.close();
    }
  });

  it('is not ready while its statements get smaller and not even one row is fast enough', async () => {
    await connect({ statementTimeoutMs: 1_000 });
    await database.query(
      'create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(5); return new; end $$;' +
        'create trigger slow before insert on dicom_state_meta for each row execute function slow()',
    );
    const component = { label: 'postgres', path: 'root.output' };
    const health = createHealth();
    const observed = observeSink(sink, {
      metrics: createMetrics({ process: false }).output(component),
      health: health.component(component),
      recordsOf: ({ grouped }) => grouped.length,
      stalledAfterMs: 2_000,
    });
    await observed.connect();
    const [batch] = batches(1);
    if (batch === undefined) throw new Error('no batch');
    const written = observed.write(batch).then(
      () => 'stored',
      (error: unknown) => error,
    );
    const reason = () => health.readiness().body.statuses[0]?.error;
    await vi.waitFor(() => expect(reason()).toBe('no acknowledgement'), { timeout: 4_000, interval: 50 });
    // It has not failed yet: nothing else would have told.
    expect(await Promise.race([written, Promise.resolve('pending')])).toBe('pending');
    expect(await written).toMatchObject({ code: 'timeout', detail: '57014' });
    await database.query('drop trigger slow on dicom_state_meta; drop function slow');
    expect(await observed.write(batch)).toEqual([]);
    expect(reason()).toBeUndefined();
  });

  it('stores all rows but the one that another session holds, and that one when it is free', async () => {
    await connect({ statementTimeoutMs: 1_000 });
    await store([batchOf([{ series_uid: '1.3.25', sop_uid: 'first' }])]);
    await database.session(async (other) => {
      await other("begin; select from dicom_state_meta where series_uid = '1.3.25' for update");
      const later = batches(8).map(({ grouped, ...batch }) => ({ ...batch, grouped }));
      const done = store(later);
      await vi.waitFor(async () => expect(await stored()).toBe(400), { timeout: 60_000, interval: 200 });
      await other('commit');
      expect(await done).toEqual([]);
    });
    expect(await stored()).toBe(401);
  });
});
