import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchProgress } from '../../src/databases/batch-progress.ts';
import { coalesceRows } from '../../src/databases/coalesce.ts';
import { StatementError } from '../../src/databases/statement-error.ts';
import { storeRecords } from '../../src/databases/store-records.ts';
import { SinkError } from '../../src/errors.ts';
import type { GroupedRecord } from '../../src/records/records.ts';
import { batchOf, recordOf } from '../../src/testing/sink-contract-batches.ts';
import { database, memoryOf, type Names, refusal, unitsOf } from './faulty-database.ts';

const UNITS = Array.from({ length: 300 }, () => recordOf({}));

const NAMES = fc.constantFrom<Names>('none', 'first', 'all');

describe('storeRecords', () => {
  it('refuses exactly the bad records and stores the others, within 2k·log2(n)+k+1 further statements', async () => {
    await fc.assert(
      fc.asyncProperty(
        NAMES,
        fc.integer({ min: 1, max: UNITS.length }).chain((n) => {
          const units = UNITS.slice(0, n);
          return fc.tuple(fc.constant(units), fc.subarray(units, { maxLength: Math.min(n, 12) }));
        }),
        async (names, [grouped, bad]) => {
          const db = database((record) => (bad.includes(record) ? refusal() : undefined), names);
          const progress = new BatchProgress({ grouped });
          expect(await storeRecords(unitsOf(progress), db.writer, memoryOf())).toEqual(new Map());
          expect(progress.rejections.map(({ file }) => file)).toEqual(bad.map(({ file }) => file));
          expect([...db.stored.values()]).toEqual(grouped.filter((unit) => !bad.includes(unit)));
          const log2 = Math.ceil(Math.log2(grouped.length));
          expect(db.statements() - 1).toBeLessThanOrEqual(2 * bad.length * log2 + bad.length + 1);
          // One that finds the bad record, and one that tries it alone before it is given up.
          if (names === 'first' && bad.length <= 8) expect(db.statements() - 1).toBeLessThanOrEqual(2 * bad.length);
        },
      ),
    );
  });

  it('stores nothing of a refused record, whichever row of which record of a series is refused', async () => {
    const facts = fc.record({ series: fc.nat(2), second: fc.nat(5), badState: fc.boolean(), badImage: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(NAMES, fc.array(facts, { minLength: 1, maxLength: 12 }), async (names, files) => {
        const batch = batchOf(
          files.map(({ series, second, badState, badImage }, n) => ({
            trace_id: String(n).padStart(36, '0'),
            created_time: `2026-01-01T00:00:0${second}`,
            series_uid: `1.${series}`,
            sop_uid: `1.${series}.${n}`,
            state: badState ? { patient_name: 'BAD' } : {},
            image: badImage ? { rescale_type: 'BAD' } : {},
          })),
        );
        const isBad = (record: GroupedRecord) =>
          [record.state, record.image].some((row) => row !== null && String(row.json).includes('BAD'));
        const db = database((record) => (isBad(record) ? refusal() : undefined), names);
        const progress = new BatchProgress(batch);
        await storeRecords(unitsOf(progress), db.writer, memoryOf());
        expect(progress.done).toBe(true);
        for (const { file } of progress.rejections) expect(db.stored.has(file)).toBe(false);
        expect(db.stored.size + progress.rejections.length).toBe(files.length);
        // What is stored has a state row for every series of it: the newest good one.
        const withRows = (await batch.withAllRows?.()) ?? [];
        const good = withRows.filter(({ file }) => db.stored.has(file));
        const states = (records: Iterable<GroupedRecord>) =>
          coalesceRows([...records]).states.map(({ identity }) => identity);
        expect(states(db.stored.values())).toEqual(states(good));
      }),
    );
  });

  it('stores a state row for every series with an accepted record, though its newest record was locked and then refused', async () => {
    const facts = fc.record({ series: fc.nat(1), second: fc.nat(5), bad: fc.boolean(), lockedFor: fc.nat(2) });
    await fc.assert(
      fc.asyncProperty(
        NAMES,
        fc.array(facts, { minLength: 2, maxLength: 8 }),
        fc.boolean(),
        async (names, files, rereads) => {
          const batch = batchOf(
            files.map(({ series, second, bad }, n) => ({
              trace_id: String(n).padStart(36, '0'),
              created_time: `2026-01-01T00:00:0${second}`,
              series_uid: `1.${series}`,
              sop_uid: `1.${series}.${n}`,
              state: bad ? { patient_name: 'BAD' } : {},
            })),
          );
          let attempt = 0;
          const place = new Map(batch.grouped.map(({ file }, n) => [file, n]));
          const db = database((record) => {
            if (attempt < (files[place.get(record.file) ?? 0]?.lockedFor ?? 0))
              return new StatementError('db', 'conflict', '55P03');
            return String(record.state?.json ?? '').includes('BAD') ? refusal() : undefined;
          }, names);
          const memory = memoryOf();
          const progress = new BatchProgress(rereads ? batch : { grouped: batch.grouped });
          for (; !progress.done && attempt < 50; attempt++) await storeRecords(unitsOf(progress), db.writer, memory);
          const withRows = (await batch.withAllRows?.()) ?? [];
          const good = withRows.filter(({ file }) => db.stored.has(file));
          const states = (records: Iterable<GroupedRecord>) =>
            coalesceRows([...records]).states.map(({ identity }) => identity);
          expect(progress.done).toBe(true);
          for (const { file } of progress.rejections) expect(db.stored.has(file)).toBe(false);
          // A batch without `withAllRows` has no other rows to store.
          if (rereads) expect(states(db.stored.values())).toEqual(states(good));
        },
      ),
    );
  });

  it('refuses no record for a rule of the table that ends while the statement is divided', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 1, max: 100 }), async (count, refusals) => {
        let left = refusals;
        const db = database(() => (left-- > 0 ? new StatementError('db', 'rejected', '23502') : undefined));
        const progress = new BatchProgress({ grouped: UNITS.slice(0, count) });
        const memory = memoryOf();
        while (!progress.done) await storeRecords(unitsOf(progress), db.writer, memory);
        expect(progress.rejections).toEqual([]);
        expect(db.stored.size).toBe(count);
      }),
    );
  });

  it('refuses no record for its value while a column is too narrow, though other rows are accepted', async () => {
    const long = UNITS[3];
    let narrow = true;
    const db = database((record) => (narrow && record === long ? refusal() : undefined));
    const memory = memoryOf(20, async () => {
      if (narrow) throw new SinkError('db', 'misconfigured', 'table.column:type');
      return undefined;
    });
    const progress = new BatchProgress({ grouped: UNITS.slice(0, 10) });
    await expect(storeRecords(unitsOf(progress), db.writer, memory)).rejects.toMatchObject({
      code: 'unavailable',
      detail: 'out of order: table.column:type',
    });
    expect(progress.rejections).toEqual([]);
    narrow = false;
    expect(await storeRecords(unitsOf(progress), db.writer, memory)).toEqual(new Map());
    expect(db.stored.size).toBe(10);
  });

  it('refuses no record for its value when the column was widened again before the tables are compared', async () => {
    const long = UNITS[3];
    let narrow = true;
    const db = database((record) => (narrow && record === long ? refusal() : undefined));
    const memory = memoryOf(20, async () => {
      narrow = false;
      return undefined;
    });
    const progress = new BatchProgress({ grouped: UNITS.slice(0, 10) });
    expect(await storeRecords(unitsOf(progress), db.writer, memory)).toEqual(new Map());
    expect(progress.rejections).toEqual([]);
    expect(db.stored.size).toBe(10);
  });

  it('refuses the record that a rule of the table refuses each time, and no other', async () => {
    const bad = UNITS[3];
    const db = database((record) => (record === bad ? new StatementError('db', 'rejected', '23514') : undefined));
    const progress = new BatchProgress({ grouped: UNITS.slice(0, 10) });
    expect(await storeRecords(unitsOf(progress), db.writer, memoryOf())).toEqual(new Map());
    expect(progress.rejections.map(({ file }) => file)).toEqual([bad?.file]);
    expect(db.stored.size).toBe(9);
  });

  describe('while a rule of a table, which refuses every row, begins and ends', () => {
    /** A database whose rule refuses every row while it is on. The schema check shows the rule unless it is hidden. */
    function ruledDatabase({ hidden = false, about = 'rule' }: { hidden?: boolean; about?: 'rule' | 'table' } = {}) {
      const rule = { on: false };
      const options = { table: 'object', place: 'dicom_object_meta.fault', about } as const;
      const db = database(() => (rule.on ? new StatementError('db', 'rejected', '23502', options) : undefined));
      const memory = memoryOf(20, async () => {
        if (rule.on && !hidden) throw new SinkError('db', 'misconfigured', 'dicom_object_meta.fault:not_null');
        return undefined;
      });
      return { rule, db, memory };
    }

    it.each([
      ['the tables show', false],
      ['the tables do not show', true],
    ])(
      'refuses no record that two rules refused, though rows were accepted between them, where %s it',
      async (_, hidden) => {
        const { rule, db, memory } = ruledDatabase({ hidden });
        // One fewer than the limit of the breaker.
        const batch = new BatchProgress({ grouped: UNITS.slice(0, 19) });
        const others = new BatchProgress({ grouped: UNITS.slice(19, 40) });
        rule.on = true;
        await Promise.allSettled([storeRecords(unitsOf(batch), db.writer, memory)]);
        rule.on = false;
        await storeRecords(unitsOf(others), db.writer, memory);
        rule.on = true;
        await Promise.allSettled([storeRecords(unitsOf(batch), db.writer, memory)]);
        expect(batch.rejections).toEqual([]);
        expect(memory.breaker.outOfOrder).toBeDefined();
        rule.on = false;
        expect(await storeRecords(unitsOf(batch), db.writer, memory)).toEqual(new Map());
        expect(batch.rejections).toEqual([]);
        expect(db.stored.size).toBe(40);
      },
    );

    it('refuses no record because another connection stored rows just before the rule began', async () => {
      const { rule, db, memory } = ruledDatabase();
      const batch = new BatchProgress({ grouped: UNITS.slice(0, 19) });
      const writer = {
        ...db.writer,
        store: async (records: readonly GroupedRecord[]) => {
          if (!rule.on) memory.breaker.accepted(UNITS.slice(19, 40));
          rule.on = true;
          return db.writer.store(records);
        },
      };
      const stored = storeRecords(unitsOf(batch), writer, memory);
      await expect(stored).rejects.toMatchObject({ detail: 'out of order: dicom_object_meta.fault:not_null' });
      expect(batch.rejections).toEqual([]);
    });

    it.each([
      ['rule', 2],
      ['table', 1],
    ] as const)('refuses no record, whenever it is on, where the refusal is about the %s', async (about, shortest) => {
      const span = fc.record({ off: fc.integer({ min: 1, max: 30 }), on: fc.integer({ min: shortest, max: 30 }) });
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 2, max: 24 }), fc.array(span, { maxLength: 8 }), async (count, spans) => {
          const { rule, db, memory } = ruledDatabase({ hidden: true, about });
          const states = spans.flatMap(({ off, on }) => [...Array(off).fill(false), ...Array(on).fill(true)]);
          const writer = {
            ...db.writer,
            store: async (records: readonly GroupedRecord[]) => {
              rule.on = states.shift() ?? false;
              return db.writer.store(records);
            },
          };
          const batches = Array.from({ length: count }, (_, n) => UNITS.slice(n * 5, n * 5 + 5));
          const left = batches.map((grouped) => new BatchProgress({ grouped }));
          while (left.some(({ done }) => !done)) {
            for (const progress of left) await Promise.allSettled([storeRecords(unitsOf(progress), writer, memory)]);
          }
          expect(left.flatMap(({ rejections }) => rejections)).toEqual([]);
          expect(db.stored.size).toBe(count * 5);
        }),
      );
    });

    it('refuses the record that a rule refuses for its value, and no other', async () => {
      const { rule, db, memory } = ruledDatabase();
      const bad = UNITS[3];
      const check = new StatementError('db', 'rejected', '23514', { table: 'object', place: 'dicom_object_meta sex' });
      const writer = {
        ...db.writer,
        store: async (records: readonly GroupedRecord[]) => {
          if (!rule.on && bad !== undefined && records.includes(bad)) throw check;
          return db.writer.store(records);
        },
      };
      const batch = new BatchProgress({ grouped: UNITS.slice(0, 10) });
      rule.on = true;
      await Promise.allSettled([storeRecords(unitsOf(batch), writer, memory)]);
      expect(batch.rejections).toEqual([]);
      rule.on = false;
      expect(await storeRecords(unitsOf(batch), writer, memory)).toEqual(new Map());
      expect(batch.rejections).toEqual([{ file: bad?.file, error: check }]);
      expect(db.stored.size).toBe(9);
    });
  });

  it('makes statements smaller until one is fast enough, down to one row, and remembers the size', async () => {
    for (const most of [1, 7, 40]) {
      const stored: GroupedRecord[] = [];
      let slow = 0;
      const writer = {
        store: async (records: readonly GroupedRecord[]) => {
          if (records.length > most) {
            slow++;
            throw new StatementError('db', 'timeout', '57014');
          }
          stored.push(...records);
          return [];
        },
        close: async () => undefined,
      };
      const memory = memoryOf();
      const progress = new BatchProgress({ grouped: UNITS });
      expect(await storeRecords(unitsOf(progress), writer, memory)).toEqual(new Map());
      expect(stored).toHaveLength(UNITS.length);
      expect(memory.size.rows).toBeLessThanOrEqual(most * 2);
      expect(slow).toBeGreaterThan(0);
    }
  });

  it('passes on every failure that concerns the whole statement', async () => {
    for (const code of ['unavailable', 'timeout', 'unknown'] as const) {
      const failure = new SinkError('db', code, 'x');
      const progress = new BatchProgress({ grouped: UNITS });
      await expect(storeRecords(unitsOf(progress), database(() => failure).writer, memoryOf())).rejects.toBe(failure);
    }
    const bug = new TypeError('bug');
    const progress = new BatchProgress({ grouped: UNITS });
    const writer = { store: () => Promise.reject(bug), close: async () => undefined };
    await expect(storeRecords(unitsOf(progress), writer, memoryOf())).rejects.toBe(bug);
  });
});
