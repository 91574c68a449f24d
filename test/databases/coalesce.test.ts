import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coalesceRows, recordBytes } from '../../src/databases/coalesce.ts';
import type { GroupedRecord } from '../../src/records/records.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { recordOf } from '../../src/testing/sink-contract-batches.ts';

const records = fc.array(
  fc
    .record({ trace: fc.nat(20), second: fc.nat(5), series: fc.nat(3), sop: fc.nat(5) })
    .map(({ trace, second, series, sop }) =>
      recordOf({
        trace_id: String(trace).padStart(36, '0'),
        created_time: `2026-01-01T00:00:0${second}`,
        series_uid: `1.${series}`,
        sop_uid: `1.${series}.${sop}`,
      }),
    ),
  { maxLength: 60 },
);

describe('coalesceRows', () => {
  it('keeps each key once, in key order', () => {
    fc.assert(
      fc.property(records, (units) => {
        const { objects, states, images } = coalesceRows(units);
        for (const rows of [objects, states, images]) {
          const keys = rows.map((row) => row.identity);
          expect(keys).toEqual([...new Set(keys)].sort());
        }
      }),
    );
  });

  it('keeps the rows that the tables would have after writing the records one by one, in any order', async () => {
    await fc.assert(
      fc.asyncProperty(
        records.chain((units) => fc.tuple(fc.constant(units), shuffled(units))),
        async ([units, order]) => {
          const database = createMemoryDatabase();
          await database.write({ origins: [], grouped: order, poison: [], closedAt: 0 });
          const rows = coalesceRows(units);
          const versions = (list: Iterable<{ identity: string; version: unknown }>) =>
            [...list]
              .map(({ identity, version }) => ({ identity, version }))
              .sort((a, b) => (a.identity < b.identity ? -1 : 1));
          expect(versions(rows.objects)).toEqual(versions(database.objects.values()));
          expect(versions(rows.states)).toEqual(versions(database.states.values()));
          expect(versions(rows.images)).toEqual(versions(database.images.values()));
        },
      ),
    );
  });
});

describe('recordBytes', () => {
  it('counts bytes of UTF-8, not characters', () => {
    const plain = recordOf({ trace_id: 'a'.repeat(36), state: { patient_name: 'aa' } });
    const wide = {
      ...plain,
      state: plain.state && { ...plain.state, json: Buffer.from(String(plain.state.json).replace('"aa"', '"山田"')) },
    };
    expect(recordBytes(wide) - recordBytes(plain)).toBe(4);
  });
});

function shuffled(units: readonly GroupedRecord[]): fc.Arbitrary<GroupedRecord[]> {
  return fc.shuffledSubarray([...units], { minLength: units.length });
}
