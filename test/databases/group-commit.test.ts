import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { recordBytes } from '../../src/databases/coalesce.ts';
import type { DatabaseWriter } from '../../src/databases/database-writer.ts';
import { createGroupCommit } from '../../src/databases/group-commit.ts';
import { StatementError } from '../../src/databases/statement-error.ts';
import { SinkError } from '../../src/errors.ts';
import type { GroupedRecord } from '../../src/records/records.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { recordOf } from '../../src/testing/sink-contract-batches.ts';

const units = (count: number) => Array.from({ length: count }, () => recordOf({}));
const batch = (grouped: readonly GroupedRecord[]) => ({ grouped });
const LIMITS = { name: 'db', maxRows: 2_000, maxBytes: 8_000_000 };

/** A writer whose statements end when the test says so. */
function heldWriter() {
  const statements: { units: readonly GroupedRecord[]; commit: () => void; fail: (error: unknown) => void }[] = [];
  let closed = false;
  const writer: DatabaseWriter = {
    store: (stored) =>
      new Promise((resolve, fail) => statements.push({ units: stored, commit: () => resolve([]), fail })),
    close: async () => {
      closed = true;
    },
  };
  return { writer, statements, closed: () => closed };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('createGroupCommit', () => {
  it('writes what waits behind a busy connection in one statement, and acknowledges each batch by its commit', async () => {
    const { writer, statements } = heldWriter();
    const commits = createGroupCommit({ ...LIMITS, writers: [writer] });
    const acknowledged: number[] = [];
    const batches = [units(3), units(2), units(4)];
    batches.forEach((batch, b) => {
      void commits.write({ grouped: batch }).then(() => acknowledged.push(b));
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

  it('continues a failed batch with the records that are not stored', async () => {
    const { writer, statements } = heldWriter();
    const commits = createGroupCommit({ ...LIMITS, maxRows: 2, writers: [writer] });
    const four = batch(units(4));
    const failed = expect(commits.write(four)).rejects.toThrow(SinkError);
    statements[0]?.commit();
    await settled();
    statements[1]?.fail(new SinkError('db', 'unavailable', 'closed'));
    await failed;
    const written = commits.write(four);
    await settled();
    expect(statements.map((statement) => statement.units.length)).toEqual([2, 2, 2]);
    expect(statements[2]?.units).toEqual(statements[1]?.units);
    statements[2]?.commit();
    expect(await written).toEqual([]);
  });

  it('names the reason that applies now, while it tries a database that is out of order', async () => {
    const { writer, statements } = heldWriter();
    let fault = 'a:missing';
    const checkSchema = async () => {
      if (fault !== '') throw new SinkError('db', 'misconfigured', fault);
    };
    const commits = createGroupCommit({ ...LIMITS, checkSchema, writers: [writer] });
    const two = batch(units(2));
    const reasonAfter = async (error: SinkError) => {
      const reason = commits.write(two).then(
        () => 'stored',
        ({ detail }: SinkError) => detail,
      );
      await settled();
      statements.at(-1)?.fail(error);
      return await reason;
    };
    const missing = new SinkError('db', 'misconfigured', '42P01');
    expect(await reasonAfter(missing)).toBe('out of order: a:missing');
    expect(await reasonAfter(missing)).toBe('out of order: a:missing');
    fault = 'b.ward:not_null';
    const rule = new StatementError('db', 'rejected', '23502', { place: 'b ward' });
    expect(await reasonAfter(rule)).toBe('out of order: b.ward:not_null');
    fault = '';
    expect(await reasonAfter(rule)).toBe('out of order: 23502 b ward');
    // A server that doesn't answer says nothing about the tables.
    expect(await reasonAfter(new SinkError('db', 'unavailable', 'ECONNRESET'))).toBe('ECONNRESET');
    expect(await reasonAfter(rule)).toBe('out of order: 23502 b ward');
  });

  it('uses another connection beside a busy one when enough waits', () => {
    const held = [heldWriter(), heldWriter()];
    const commits = createGroupCommit({ ...LIMITS, writers: held.map(({ writer }) => writer), enoughRows: 5 });
    const rows = () => held.flatMap(({ statements }) => statements.map((statement) => statement.units.length));
    void commits.write(batch(units(1)));
    void commits.write(batch(units(4)));
    expect(rows()).toEqual([1]);
    void commits.write(batch(units(1)));
    expect(rows().toSorted()).toEqual([1, 5]);
  });

  it('uses another connection for whatever waits when the first is held up', async () => {
    const held = [heldWriter(), heldWriter(), heldWriter()];
    const commits = createGroupCommit({ ...LIMITS, writers: held.map(({ writer }) => writer), patienceMs: 10 });
    const busy = () => held.filter(({ statements }) => statements.length > 0).length;
    void commits.write(batch(units(1)));
    void commits.write(batch(units(1)));
    expect(busy()).toBe(1);
    await vi.waitFor(() => expect(busy()).toBe(2));
    void commits.write(batch(units(1)));
    await vi.waitFor(() => expect(busy()).toBe(3));
  });

  it('lets batches wait for a large statement until enough bytes wait, if the database wants few', async () => {
    const { writer, statements } = heldWriter();
    const three = [units(1), units(1), units(1)];
    const bytes = three.flat().reduce((sum, record) => sum + recordBytes(record), 0);
    const commits = createGroupCommit({ ...LIMITS, writers: [writer], lingerMs: 60_000, lingerBytes: bytes });
    const [first, second, third] = three.map((grouped) => () => commits.write(batch(grouped)));
    void first?.();
    void second?.();
    await settled();
    expect(statements).toEqual([]);
    const written = third?.();
    expect(statements.map((statement) => statement.units)).toEqual([three.flat()]);
    statements[0]?.commit();
    expect(await written).toEqual([]);
    // The next batch waits again.
    const left = commits.write(batch(units(1)));
    await settled();
    expect(statements).toHaveLength(1);
    await commits.close();
    await expect(left).rejects.toMatchObject({ detail: 'closed' });
  });

  it('lets a small batch wait no longer than the time for it', async () => {
    const { writer, statements } = heldWriter();
    const commits = createGroupCommit({ ...LIMITS, writers: [writer], lingerMs: 20, lingerBytes: 1_000_000 });
    void commits.write(batch(units(1)));
    void commits.write(batch(units(2)));
    expect(statements).toEqual([]);
    await vi.waitFor(() => expect(statements.map((statement) => statement.units.length)).toEqual([3]));
  });

  it.each([
    ['ends the connection of', new StatementError('db', 'unavailable', 'ECONNRESET', { tooLarge: true })],
    ['refuses', new StatementError('db', 'unavailable', 'http_413', { tooLarge: true })],
  ])('stores a batch in smaller statements when a proxy %s a large one', async (_, error) => {
    const stored: GroupedRecord[] = [];
    const writer: DatabaseWriter = {
      store: async (part) => {
        if (part.length > 10) throw error;
        stored.push(...part);
        return [];
      },
      close: async () => undefined,
    };
    const commits = createGroupCommit({ ...LIMITS, writers: [writer] });
    const hundred = batch(units(100));
    let failures = 0;
    for (let attempt = 0; attempt < 10 && stored.length < 100; attempt++)
      await commits.write(hundred).catch(() => failures++);
    expect(stored).toHaveLength(100);
    expect(failures).toBeLessThan(8);
  });

  it('repeats a statement of the same size after an error that has another cause', async () => {
    const { writer, statements } = heldWriter();
    const commits = createGroupCommit({ ...LIMITS, writers: [writer] });
    const hundred = batch(units(100));
    const failed = expect(commits.write(hundred)).rejects.toThrow(SinkError);
    statements[0]?.fail(new StatementError('db', 'unavailable', '57P01'));
    await failed;
    void commits.write(hundred);
    await settled();
    expect(statements.map((statement) => statement.units.length)).toEqual([100, 100]);
  });

  it('keeps every statement under the caps of records and bytes, and splits a batch that is larger', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(30), { maxLength: 12 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 40_000 }),
        async (sizes, maxRows, maxBytes) => {
          const stored: GroupedRecord[] = [];
          const writer: DatabaseWriter = {
            store: async (part) => {
              expect(part.length).toBeLessThanOrEqual(maxRows);
              const bytes = part.reduce((sum, unit) => sum + recordBytes(unit), 0);
              if (part.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
              stored.push(...part);
              await settled();
              return [];
            },
            close: async () => undefined,
          };
          const commits = createGroupCommit({ name: 'db', writers: [writer], maxRows, maxBytes });
          const batches = sizes.map(units);
          await Promise.all(batches.map((each) => commits.write(batch(each))));
          expect(stored).toEqual(batches.flat());
        },
      ),
      { numRuns: 15 },
    );
  });

  it('rejects every batch of a failed statement, takes no more of them, and goes on with the next', async () => {
    const { writer, statements } = heldWriter();
    const commits = createGroupCommit({ ...LIMITS, maxRows: 4, writers: [writer] });
    const outcomes = Promise.allSettled([
      commits.write(batch(units(3))),
      commits.write(batch(units(10))),
      commits.write(batch(units(2))),
    ]);
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
    const writer: DatabaseWriter = {
      store: async (part) => {
        await settled();
        if (part.some((unit) => bad.has(unit))) throw new StatementError('db', 'rejected', '22001', { about: 'value' });
        return [];
      },
      close: async () => undefined,
    };
    const commits = createGroupCommit({ ...LIMITS, maxRows: 8, writers: [writer, writer] });
    const rejections = await Promise.all(batches.map((each) => commits.write(batch(each))));
    expect(rejections.map((list) => new Set(list.map(({ file }) => file)))).toEqual(
      batches.map((batch) => new Set(batch.filter((unit) => bad.has(unit)).map(({ file }) => file))),
    );
  });

  it('ends in the same rows however records are split into batches, ordered and doubled', async () => {
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
          const writer: DatabaseWriter = {
            store: async (part) => {
              await settled();
              return await actual.write({ origins: [], grouped: part, poison: [], closedAt: 0 });
            },
            close: async () => undefined,
          };
          const commits = createGroupCommit({ ...LIMITS, writers: [writer, writer] });
          const starts = order.map((_, at) => at).filter((at) => at % (cut + 1) === 0);
          await Promise.all(starts.map((at) => commits.write(batch(order.slice(at, at + cut + 1)))));
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

  it('rejects what waits when it closes, and what comes after', async () => {
    const { writer, statements, closed } = heldWriter();
    const commits = createGroupCommit({ ...LIMITS, writers: [writer] });
    const running = commits.write(batch(units(1)));
    const waiting = commits.write(batch(units(1)));
    const closing = commits.close();
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable', detail: 'closed' });
    await expect(commits.write(batch(units(1)))).rejects.toMatchObject({ code: 'unavailable', detail: 'closed' });
    await settled();
    // The connection stays open for the statement in progress, whose rows are then acknowledged.
    expect(closed()).toBe(false);
    statements[0]?.commit();
    await expect(running).resolves.toEqual([]);
    await closing;
    expect(closed()).toBe(true);
    expect(statements).toHaveLength(1);
  });

  it('settles a batch of which only a part was in a statement when it closed', async () => {
    const { writer, statements } = heldWriter();
    const commits = createGroupCommit({ ...LIMITS, maxRows: 1, writers: [writer] });
    const written = commits.write(batch(units(2)));
    const closing = commits.close();
    statements[0]?.commit();
    await expect(written).rejects.toMatchObject({ code: 'unavailable', detail: 'closed' });
    await closing;
    expect(statements).toHaveLength(1);
  });

  it('closes a connection whose statement does not end', async () => {
    const { writer, closed } = heldWriter();
    const commits = createGroupCommit({ ...LIMITS, writers: [writer], drainMs: 10 });
    void commits.write(batch(units(1)));
    await commits.close();
    expect(closed()).toBe(true);
  });
});
