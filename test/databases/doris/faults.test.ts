import { describe, expect, it } from 'vitest';
import { SinkError } from '../../../src/errors.ts';
import { batchOf } from '../../../src/testing/sink-contract-batches.ts';
import { openDorisUnderTest } from '../../support/doris/under-test.ts';

const IMAGE = 'dicom_image_meta';
const trace = (n: number) => `0199e6ae-8148-7e73-8d6c-${String(n).padStart(12, '0')}`;
const batch = (from: number, count: number, more = {}) =>
  batchOf(
    Array.from({ length: count }, (_, n) => ({ trace_id: trace(from + n), sop_uid: `1.2.${from + n}`, ...more })),
  );

type Under = Awaited<ReturnType<typeof openDorisUnderTest>>;

async function withDoris(body: (under: Under) => Promise<void>, ...options: Parameters<typeof openDorisUnderTest>) {
  const under = await openDorisUnderTest(...options);
  try {
    await body(under);
  } finally {
    await under.dispose();
  }
}

/** The detail of the error with which a write is to be retried. */
async function retried(write: Promise<unknown>): Promise<string> {
  const error = await write.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SinkError)) throw new Error('the write was acknowledged');
  expect(error.code).toBe('unavailable');
  return error.detail;
}

const loads = ({ double }: Under, table: string) => double.cluster.received.filter((load) => load.table === table);

describe('a load without an answer', () => {
  it.each(['cut_after_commit', 'hang_after_commit'] as const)(
    'is acknowledged after %s, by the state of its label, and not loaded twice',
    (kind) =>
      withDoris(
        async (under) => {
          under.double.cluster.injectFault({ kind }, IMAGE);
          expect(await under.sink.write(batch(0, 5))).toEqual([]);
          expect(loads(under, IMAGE)).toHaveLength(1);
          expect(await under.rows('image')).toHaveLength(5);
        },
        { statementTimeoutMs: 1_500 },
      ),
  );

  it('is loaded again, in two smaller loads, when its transaction was aborted', () =>
    withDoris(async (under) => {
      under.double.cluster.injectFault({ kind: 'cut_before_commit' }, IMAGE);
      const records = batch(0, 5);
      await retried(under.sink.write(records));
      expect(await under.rows('object')).toEqual([]);
      expect(await under.sink.write(records)).toEqual([]);
      expect(loads(under, IMAGE).map(({ rows }) => rows)).toEqual([5, 2, 3]);
      expect(await under.rows('image')).toHaveLength(5);
    }));

  it('is waited for while its transaction is under way', () =>
    withDoris(async (under) => {
      under.double.cluster.injectFault({ kind: 'cut_then_commit', afterMs: 600 }, IMAGE);
      expect(await under.sink.write(batch(0, 5))).toEqual([]);
      expect(loads(under, IMAGE)).toHaveLength(1);
      expect(await under.rows('image')).toHaveLength(5);
    }));

  it('is retried with the same label if the outcome stays unknown, so that it is stored once', () =>
    withDoris(
      async (under) => {
        under.double.cluster.injectFault({ kind: 'cut_then_commit', afterMs: 1_500 }, IMAGE);
        const records = batch(0, 5);
        expect(await retried(under.sink.write(records))).toContain('outcome_unknown');
        for (;;) {
          const outcome = await under.sink.write(records).catch(() => undefined);
          if (outcome !== undefined) break;
        }
        // The retry met its own label, running at first: no second transaction began.
        expect(new Set(under.double.cluster.transactions.all.map(({ label }) => label)).size).toBe(3);
        expect(loads(under, IMAGE)).toHaveLength(1);
        expect(await under.rows('image')).toHaveLength(5);
      },
      { statementTimeoutMs: 500 },
    ));

  it('is not acknowledged by a label in use when a proxy follows the redirect, before it is committed', () =>
    withDoris(
      async (under) => {
        under.double.cluster.redirect = 'followed';
        under.double.cluster.injectFault({ kind: 'cut_then_commit', afterMs: 700 }, IMAGE);
        const records = batch(0, 5);
        await retried(under.sink.write(records));
        expect(await under.sink.write(records)).toEqual([]);
        expect(await under.rows('image')).toHaveLength(5);
        expect(loads(under, IMAGE)).toHaveLength(1);
      },
      { statementTimeoutMs: 5_000 },
    ));

  it('never makes a later load of the same rows look stored, after the table was truncated', () =>
    withDoris(async (under) => {
      const records = batch(0, 5);
      expect(await under.sink.write(records)).toEqual([]);
      for (const table of under.double.cluster.tables.values()) table.truncate();
      expect(await under.sink.write(batch(0, 5))).toEqual([]);
      expect(await under.rows('image')).toHaveLength(5);
      expect(await under.rows('object')).toHaveLength(5);
      const labels = under.double.cluster.received.map(({ label }) => label);
      expect(new Set(labels).size).toBe(labels.length);
    }));
});

describe('a load that takes too long', () => {
  it('is divided once its transaction is aborted, so that smaller ones are fast enough', () =>
    withDoris(
      async (under) => {
        under.double.cluster.injectFault({ kind: 'slow', ms: 700 }, IMAGE);
        expect(await under.sink.write(batch(0, 100))).toEqual([]);
        const [first, ...others] = loads(under, IMAGE).map(({ rows }) => rows);
        expect(first).toBe(100);
        expect(Math.max(...others)).toBeLessThan(100);
        expect(await under.rows('object')).toHaveLength(100);
      },
      { statementTimeoutMs: 400 },
    ));

  it('is divided when Doris says so', () =>
    withDoris(async (under) => {
      under.double.cluster.injectFault({ kind: 'fail', message: '[TIMEOUT]load timeout' }, IMAGE);
      expect(await under.sink.write(batch(0, 100))).toEqual([]);
      expect(loads(under, IMAGE)[0]?.rows).toBe(100);
      expect(
        Math.max(
          ...loads(under, IMAGE)
            .slice(1)
            .map(({ rows }) => rows),
        ),
      ).toBeLessThan(100);
    }));
});

describe('Publish Timeout', () => {
  it('is acknowledged, and the next load waits until its rows can be read', () =>
    withDoris(async (under) => {
      const { cluster } = under.double;
      cluster.injectFault({ kind: 'publish_timeout' }, IMAGE);
      const tied = { created_time: '2026-01-01T00:00:00', sop_uid: '1' };
      const write = (n: number) => under.sink.write(batchOf([{ ...tied, trace_id: trace(n), patient_id: `P${n}` }]));
      expect(await write(2)).toEqual([]);
      expect(await under.rows('image')).toEqual([]);
      // Equal numbers in the sequence column: loaded now, the smaller trace id would win.
      expect(await retried(write(1))).toBe(`not_published ${IMAGE}`);
      cluster.transactions.publishAll();
      expect(await write(1)).toEqual([]);
      expect((await under.rows('image')).map((row) => row.patient_id)).toEqual(['P2']);
    }));
});

describe('a load that Doris refuses for the moment', () => {
  it.each([
    [
      'tablet error: [E-235]failed to init rowset builder. version count: 2001, exceed limit: 2000',
      'too_many_versions',
    ],
    ['[MEM_LIMIT_EXCEEDED]Memory limit exceeded', 'memory'],
    ['current running txns on db 1 is 1000, larger than limit 1000', 'too_many_transactions'],
    ['an error of tomorrow', 'load_failed'],
  ])('%s: is retried, and no record is dead-lettered', (message, detail) =>
    withDoris(async (under) => {
      under.double.cluster.injectFault({ kind: 'fail', message }, 'dicom_state_meta');
      const records = batch(0, 5);
      expect(await retried(under.sink.write(records))).toBe(`${detail} dicom_state_meta`);
      expect(await under.sink.write(records)).toEqual([]);
      expect(await under.rows('object')).toHaveLength(5);
    }),
  );

  it('is retried while no BE is alive, and while a proxy answers for a BE', () =>
    withDoris(async (under) => {
      const [backend] = under.double.cluster.backends;
      if (backend !== undefined) backend.alive = false;
      const records = batch(0, 3);
      expect(await retried(under.sink.write(records))).toMatch(/^no_backend/);
      if (backend !== undefined) backend.alive = true;
      under.double.cluster.injectFault({ kind: 'http', status: 502 }, IMAGE);
      expect(await retried(under.sink.write(records))).toMatch(/^http_502 127/);
      expect(await under.sink.write(records)).toEqual([]);
      expect(await under.rows('image')).toHaveLength(3);
    }));
});

describe('rows that Doris refuses', () => {
  const bad = { image: { rescale_type: 'x'.repeat(300) } };

  it('are those that the error log names, found by one more load', () =>
    withDoris(async (under) => {
      const records = batchOf([
        ...Array.from({ length: 40 }, (_, n) => ({ trace_id: trace(n), sop_uid: `1.2.${n}` })),
        { trace_id: trace(99), sop_uid: '1.2.99', ...bad },
      ]);
      const rejections = await under.sink.write(records);
      expect(rejections.map(({ file, error }) => [file.object.identity, error.message])).toEqual([
        [trace(99), 'doris: rejected (value_too_long)'],
      ]);
      expect(await under.rows('object')).toHaveLength(40);
      // The load of all rows, the load without the bad one, and the bad one alone before it is judged.
      expect(loads(under, IMAGE).map(({ rows }) => rows)).toEqual([41, 40, 1]);
    }));

  it('are found by dividing where there is no error log', () =>
    withDoris(async (under) => {
      under.double.cluster.errorLogs = false;
      const files = Array.from({ length: 20 }, (_, n) => ({
        trace_id: trace(n),
        sop_uid: `1.2.${n}`,
        ...(n % 9 === 4 ? bad : {}),
      }));
      const rejections = await under.sink.write(batchOf(files));
      expect(rejections.map(({ file }) => file.object.identity).sort()).toEqual([trace(4), trace(13)]);
      expect(await under.rows('object')).toHaveLength(18);
      expect(await under.rows('image')).toHaveLength(18);
    }));

  it('are not taken from a line that quotes the key of another row', () =>
    withDoris(async (under) => {
      const others = Array.from({ length: 5 }, (_, n) => ({ trace_id: trace(n), sop_uid: `1.2.${n}` }));
      const misleading = {
        trace_id: trace(7),
        sop_uid: '1.2.7',
        image: { image_type: '1.2.3', rescale_type: `1.2.0 ${'x'.repeat(300)}` },
      };
      const rejections = await under.sink.write(batchOf([...others, misleading]));
      expect(rejections.map(({ file }) => file.object.identity)).toEqual([trace(7)]);
      expect(await under.rows('image')).toHaveLength(5);
    }));

  it('name table and column, and nothing of the log', () =>
    withDoris(async (under) => {
      const [rejection] = await under.sink.write(
        batchOf([
          { ...bad, trace_id: trace(1) },
          { trace_id: trace(2), sop_uid: '2' },
        ]),
      );
      expect(rejection?.error).toMatchObject({
        detail: 'value_too_long',
        place: `${IMAGE}.rescale_type`,
        table: 'image',
      });
      expect(JSON.stringify(rejection?.error)).not.toContain('xxx');
    }));
});
