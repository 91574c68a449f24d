import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { storeOrReject } from '../../src/databases/bisect.ts';
import { SinkError } from '../../src/errors.ts';
import type { GroupedRecord } from '../../src/records/records.ts';
import { recordOf } from '../../src/testing/sink-contract-batches.ts';

const UNITS = Array.from({ length: 300 }, () => recordOf({}));

/** A database that refuses statements that hold a bad record, and keeps the rest. */
function refusing(bad: ReadonlySet<GroupedRecord>) {
  const stored = new Set<GroupedRecord>();
  let statements = 0;
  const store = async (units: readonly GroupedRecord[]) => {
    statements++;
    if (units.some((unit) => bad.has(unit))) throw new SinkError('db', 'rejected', '22001');
    for (const unit of units) stored.add(unit);
  };
  return { store, stored, statements: () => statements };
}

describe('storeOrReject', () => {
  it('stores everything in one statement when nothing is refused', async () => {
    const database = refusing(new Set());
    expect(await storeOrReject(UNITS, database.store)).toEqual([]);
    expect(database.statements()).toBe(1);
    expect(database.stored.size).toBe(UNITS.length);
  });

  it('returns exactly the bad records and stores the others, within 2k·log2(n)+1 further statements', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: UNITS.length }).chain((n) => {
          const units = UNITS.slice(0, n);
          return fc.tuple(fc.constant(units), fc.subarray(units, { maxLength: Math.min(n, 12) }));
        }),
        async ([units, bad]) => {
          const database = refusing(new Set(bad));
          const rejections = await storeOrReject(units, database.store);
          expect(rejections.map(({ file }) => file)).toEqual(bad.map(({ file }) => file));
          expect([...database.stored]).toEqual(units.filter((unit) => !bad.includes(unit)));
          const log2 = Math.ceil(Math.log2(units.length));
          expect(database.statements() - 1).toBeLessThanOrEqual(2 * bad.length * log2 + 1);
        },
      ),
    );
  });

  it('passes on every failure that is not about the data', async () => {
    for (const code of ['unavailable', 'timeout', 'conflict', 'misconfigured', 'unknown'] as const) {
      const failure = new SinkError('db', code, 'x');
      await expect(storeOrReject(UNITS, () => Promise.reject(failure))).rejects.toBe(failure);
    }
    const bug = new TypeError('bug');
    await expect(storeOrReject(UNITS, () => Promise.reject(bug))).rejects.toBe(bug);
  });

  it('passes on a failure in the middle of its search', async () => {
    let statements = 0;
    const failure = new SinkError('db', 'unavailable', 'ECONNRESET');
    const store = () => Promise.reject(++statements === 4 ? failure : new SinkError('db', 'rejected', '22001'));
    await expect(storeOrReject(UNITS, store)).rejects.toBe(failure);
  });
});
