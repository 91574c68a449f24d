import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { unitBytes } from '../../src/databases/coalesce.ts';
import { createGroupCommit, type DatabaseLane } from '../../src/databases/group-commit.ts';
import { SinkError } from '../../src/errors.ts';
import type { GroupedRecord } from '../../src/records/records.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { recordOf } from '../../src/testing/sink-contract-batches.ts';

const units = (count: number) => Array.from({ length: count }, () => recordOf({}));
const LIMITS = { name: 'db', maxRows: 2_000, maxBytes: 8_000_000 };

/** A lane whose statements end when the test says so. */
function heldLane() {
  const statements: { units: readonly GroupedRecord[]; commit: () => void; fail: (error: unknown) => void }[] = [];
  let closed = false;
  const lane: DatabaseLane = {
    store: (stored) => new Promise((commit, fail) => statements.push({ units: stored, commit, fail })),
    close: async () => {
      closed = true;
    },
  };
  return { lane, statements, closed: () => closed };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('createGroupCommit', () => {
  it('writes what waits behind a busy connection in one statement, and acknowledges each batch by its commit', async () => {
    const { lane, statements } = heldLane();
    const commits = createGroupCommit({ ...LIMITS, lanes: [lane] });
    const acknowledged: number[] = [];
    const batches = [units(3), units(2), units(4)];
    batches.forEach((batch, b) => {
      void commits.write(batch).then(() => acknowledged.push(b));
    });
    expect(statements.map((statement) => statement.units.length)).toEqual([3]);
    statements[0]?.commit();
    await settled();
    expect(acknowledged).toEqual([0]);
    expect(statements[1]?.units).toEqual([...(batches[1] ?? []), ...(batches[2] ?? [])]);
    statements[1]?.commit();
    await settled();
    expect(acknowledged).toEqual([0, 1, 2]);
  });

  it('uses another connection beside a busy one when enough waits', () => {
    const lanes = [heldLane(), heldLane()];
    const commits = createGroupCommit({ ...LIMITS, lanes: lanes.map(({ lane }) => lane), enoughRows: 5 });
    const rows = () => lanes.flatMap(({ statements }) => statements.map((statement) => statement.units.length));
    void commits.write(units(1));
    void commits.write(units(4));
    expect(rows()).toEqual([1]);
    void commits.write(units(1));
    expect(rows().toSorted()).toEqual([1, 5]);
  });

  it('uses another connection for whatever waits when the first is held up', async () => {
    const lanes = [heldLane(), heldLane(), heldLane()];
    const commits = createGroupCommit({ ...LIMITS, lanes: lanes.map(({ lane }) => lane), patienceMs: 10 });
    const busy = () => lanes.filter(({ statements }) => statements.length > 0).length;
    void commits.write(units(1));
    void commits.write(units(1));
    expect(busy()).toBe(1);
    await vi.waitFor(() => expect(busy()).toBe(2));
    void commits.write(units(1));
    await vi.waitFor(() => expect(busy()).toBe(3));
  });

  it('keeps every statement under the caps of records and bytes, and splits a batch that is larger', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(30), { maxLength: 12 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 40_000 }),
        async (sizes, maxRows, maxBytes) => {
          const stored: GroupedRecord[] = [];
          const lane: DatabaseLane = {
            store: async (part) => {
              expect(part.length).toBeLessThanOrEqual(maxRows);
              const bytes = part.reduce((sum, unit) => sum + unitBytes(unit), 0);
              if (part.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
              stored.push(...part);
              await settled();
            },
            close: async () => undefined,
          };
          const commits = createGroupCommit({ name: 'db', lanes: [lane], maxRows, maxBytes });
          const batches = sizes.map(units);
          await Promise.all(batches.map((batch) => commits.write(batch)));
          expect(stored).toEqual(batches.flat());
        },
      ),
      { numRuns: 40 },
    );
  });

  it('rejects every batch of a failed statement, takes no more of them, and goes on with the next', async () => {
    const { lane, statements } = heldLane();
    const commits = createGroupCommit({ ...LIMITS, maxRows: 4, lanes: [lane] });
    const outcomes = Promise.allSettled([commits.write(units(3)), commits.write(units(10)), commits.write(units(2))]);
    const failure = new SinkError('db', 'unavailable', 'ECONNRESET');
    statements[0]?.commit();
    await settled();
    expect(statements[1]?.units).toHaveLength(4);
    statements[1]?.fail(failure);
    await settled();
    expect(statements[2]?.units).toHaveLength(2);
    statements[2]?.commit();
    expect((await outcomes).map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('gives each batch its own rejections, whichever statements its records went in', async () => {
    const batches = [units(7), units(5), units(9)];
    const bad = new Set([batches[0]?.[6], batches[2]?.[0], batches[2]?.[8]]);
    const lane: DatabaseLane = {
      store: async (part) => {
        await settled();
        if (part.some((unit) => bad.has(unit))) throw new SinkError('db', 'rejected', '22001');
      },
      close: async () => undefined,
    };
    const commits = createGroupCommit({ ...LIMITS, maxRows: 8, lanes: [lane, lane] });
    const rejections = await Promise.all(batches.map((batch) => commits.write(batch)));
    expect(rejections.map((list) => new Set(list.map(({ file }) => file)))).toEqual(
      batches.map((batch) => new Set(batch.filter((unit) => bad.has(unit)).map(({ file }) => file))),
    );
  });

  it('ends in the same rows however records are cut into batches, ordered and doubled', async () => {
    const file = fc
      .record({ trace: fc.nat(9), second: fc.nat(3), series: fc.nat(2) })
      .map(({ trace, second, series }) =>
        recordOf({
          trace_id: String(trace).padStart(36, '0'),
          created_time: `2026-01-01T00:00:0${second}`,
          series_uid: `1.${series}`,
          sop_uid: `1.${series}.1`,
        }),
      );
    await fc.assert(
      fc.asyncProperty(
        fc.array(file, { maxLength: 30 }),
        fc.array(fc.nat(29), { maxLength: 60 }),
        fc.nat(9),
        async (all, again, cut) => {
          const order = [...again.flatMap((at) => all[at] ?? []), ...all];
          const [expected, actual] = [createMemoryDatabase(), createMemoryDatabase()];
          await expected.write({ origins: [], grouped: all, poison: [], closedAt: 0 });
          const lane: DatabaseLane = {
            store: async (part) => {
              await settled();
              await actual.write({ origins: [], grouped: part, poison: [], closedAt: 0 });
            },
            close: async () => undefined,
          };
          const commits = createGroupCommit({ ...LIMITS, lanes: [lane, lane] });
          const starts = order.map((_, at) => at).filter((at) => at % (cut + 1) === 0);
          await Promise.all(starts.map((at) => commits.write(order.slice(at, at + cut + 1))));
          const versions = (rows: ReadonlyMap<string, { version: unknown }>) =>
            new Map([...rows].map(([key, row]) => [key, row.version]));
          for (const table of ['objects', 'states', 'images'] as const) {
            expect(versions(actual[table])).toEqual(versions(expected[table]));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('turns away what waits when it closes, and what comes after', async () => {
    const { lane, statements, closed } = heldLane();
    const commits = createGroupCommit({ ...LIMITS, lanes: [lane] });
    const running = commits.write(units(1));
    const waiting = commits.write(units(1));
    await Promise.all([
      commits.close(),
      expect(waiting).rejects.toMatchObject({ code: 'unavailable', detail: 'closed' }),
    ]);
    await expect(commits.write(units(1))).rejects.toMatchObject({ code: 'unavailable', detail: 'closed' });
    expect(closed()).toBe(true);
    statements[0]?.commit();
    await expect(running).resolves.toEqual([]);
  });
});
