import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchProgress } from '../../src/databases/batch-progress.ts';
import { StatementError } from '../../src/databases/statement-error.ts';
import { storeRecords } from '../../src/databases/store-records.ts';
import type { GroupedRecord } from '../../src/records/records.ts';
import { batchOf, recordOf } from '../../src/testing/sink-contract-batches.ts';
import { database, memoryOf, unitsOf } from './faulty-database.ts';

const UNITS = Array.from({ length: 300 }, () => recordOf({}));

describe('storeRecords beside locked rows', () => {
  it('stores the records that touch no locked row, and fails only the batch that does', async () => {
    const locked = UNITS[77];
    let isLocked = true;
    const db = database((record) =>
      isLocked && record === locked ? new StatementError('db', 'conflict', '55P03') : undefined,
    );
    const batches = [UNITS.slice(0, 100), UNITS.slice(100, 200)].map((grouped) => new BatchProgress({ grouped }));
    const memory = memoryOf();
    const failures = await storeRecords(batches.flatMap(unitsOf), db.writer, memory);
    expect([...failures.keys()]).toEqual([batches[0]]);
    expect(db.stored.size).toBe(199);
    // The next attempt holds the locked record alone.
    const before = db.statements();
    isLocked = false;
    expect(await storeRecords(batches.flatMap(unitsOf), db.writer, memory)).toEqual(new Map());
    expect(db.statements() - before).toBe(1);
    expect(db.stored.size).toBe(200);
  });

  it('stores the other series of a batch while the row of one is locked, and nothing of that one', async () => {
    const files = ['1', '2', '3'].flatMap((series) =>
      Array.from({ length: 4 }, (_, n) => ({
        trace_id: `${series}${n}`.padStart(36, '0'),
        series_uid: series,
        sop_uid: `${series}.${n}`,
      })),
    );
    const batch = batchOf(files);
    let isLocked = true;
    const db = database((record) =>
      isLocked && record.state?.identity.endsWith('\u00002')
        ? new StatementError('db', 'conflict', '55P03')
        : undefined,
    );
    const progress = new BatchProgress(batch);
    const memory = memoryOf();
    expect([...(await storeRecords(unitsOf(progress), db.writer, memory)).keys()]).toEqual([progress]);
    const seriesOf = (records: Iterable<GroupedRecord>) =>
      [...records].map(({ image }) => image?.identity.split('\0').at(-2)).sort();
    expect(seriesOf(db.stored.values())).toEqual(['1', '1', '1', '1', '3', '3', '3', '3']);
    isLocked = false;
    expect(await storeRecords(unitsOf(progress), db.writer, memory)).toEqual(new Map());
    expect(db.stored.size).toBe(12);
  });

  it('ends the attempt after a few statements when every record waits for a lock, as when the table is locked', async () => {
    const db = database(() => new StatementError('db', 'conflict', '55P03'));
    const batches = [UNITS.slice(0, 150), UNITS.slice(150)].map((grouped) => new BatchProgress({ grouped }));
    const failures = await storeRecords(batches.flatMap(unitsOf), db.writer, memoryOf());
    expect([...failures.keys()].sort()).toEqual([...batches].sort());
    expect(db.statements()).toBeLessThanOrEqual(Math.ceil(Math.log2(300)) + 3);
  });

  it('stores all records that are free, whatever part of the others is locked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 40 }), async (start, count) => {
        const grouped = Array.from({ length: 100 }, (_, n) => recordOf({ series_uid: `1.${n}`, sop_uid: `1.${n}.1` }));
        const locked = new Set(grouped.slice(start, start + count));
        const db = database((record) =>
          locked.has(record) ? new StatementError('db', 'conflict', '55P03') : undefined,
        );
        const progress = new BatchProgress({ grouped });
        const memory = memoryOf();
        const free = 100 - locked.size;
        for (let attempt = 0; attempt < 100 && db.stored.size < free; attempt++)
          await storeRecords(unitsOf(progress), db.writer, memory);
        expect(db.stored.size).toBe(free);
      }),
    );
  });
});
