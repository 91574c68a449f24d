/** Any order, duplication and batching of the same records ends in the same rows. */
import { deepEqual } from 'node:assert/strict';
import type { Arbitrary } from 'fast-check';
import { createMemoryDatabase } from '../../sinks/memory.ts';
import { batchOf, type FileFacts, recordOf } from '../sink-contract-batches.ts';
import type { Cases, SinkUnderTest } from './case.ts';
import { canonical, column, type StoredRow, type TableName, write } from './rows.ts';

const RUNS = 30;

/** JavaScript compares U+1F600 and others beyond U+FFFF as smaller than U+FF5E; UTF-8 has the opposite order. */
const CHARACTERS = ['a', 'é', '\u{ff5e}', '\u{fffd}', '\u{10000}', '\u{1f600}', '\u{10ffff}'];

/** One record of the set, before it has a tenant and a trace id. */
interface Fact {
  readonly second: number;
  readonly series: number;
  readonly instance: number;
  readonly patient: number;
}

/** A set of records, and a way to deliver it. */
interface Delivery {
  readonly facts: readonly Fact[];
  /** Indexes of records, in the order of delivery. */
  readonly order: readonly number[];
  /** Sizes of the batches, in turn. */
  readonly sizes: readonly number[];
  /** Whether all batches are written concurrently. */
  readonly together: boolean;
}

function deliveries(fc: typeof import('fast-check')): Arbitrary<Delivery> {
  const fact = fc.record({ second: fc.nat(2), series: fc.nat(2), instance: fc.nat(3), patient: fc.nat(2) });
  const shuffled = (indexes: readonly number[]) =>
    fc.shuffledSubarray([...indexes], { minLength: indexes.length, maxLength: indexes.length });
  return fc.array(fact, { minLength: 1, maxLength: 24 }).chain((facts) =>
    fc.record({
      facts: fc.constant(facts),
      order: fc
        .array(fc.nat(facts.length - 1), { maxLength: 24 })
        .chain((again) => shuffled([...facts.keys(), ...again])),
      sizes: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }),
      together: fc.boolean(),
    }),
  );
}

/** Loads fast-check, which only these cases need: a project that uses other parts of the harness doesn't install it. */
async function forAnyDelivery(numRuns: number, check: (one: Delivery, tenant: string) => Promise<void>): Promise<void> {
  const fc = await import('fast-check');
  let run = 0;
  await fc.assert(
    fc.asyncProperty(deliveries(fc), (one) => check(one, `tenant${run++}`)),
    { numRuns },
  );
}

export const ORDER: Cases = {
  'keeps the greater trace id between equal times, by UTF-8 bytes': async ({ sink, rows }) => {
    // JavaScript's own order, by UTF-16 units, is the reverse.
    const bmp = '\u{ff5e}'.padEnd(36, 'x');
    const astral = '\u{1f600}'.padEnd(37, 'x');
    await write(sink, [{ trace_id: astral, sop_uid: '1', state: { study_description: 'greater' } }]);
    await write(sink, [{ trace_id: bmp, sop_uid: '1', state: { study_description: 'smaller' } }]);
    deepEqual(column(await rows('state'), 'study_description'), ['greater']);
  },

  'ends in the same rows as the memory database, in any order, duplication and batching': async (under) => {
    await forAnyDelivery(RUNS, (one, tenant) => deliver(under, one, tenant));
  },

  'stores the same rows when two processes share the records': async (under) => {
    const other = await under.another();
    try {
      await forAnyDelivery(RUNS / 3, (one, tenant) => deliver(under, one, tenant, other));
    } finally {
      await other.close();
    }
  },
};

/** Delivers the records for one tenant and compares its rows with those of the memory database, which got each record once, in order. */
async function deliver(
  { sink, rows }: SinkUnderTest,
  { facts, order, sizes, together }: Delivery,
  tenant: string,
  other = sink,
): Promise<void> {
  const files = facts.map((each, n) => fileOf(each, n, tenant));
  const writes = batchesOf(
    order.flatMap((n): readonly FileFacts[] => files.slice(n, n + 1)),
    sizes,
  ).map((batch, b) => () => (b % 2 === 0 ? sink : other).write(batchOf(batch)));
  const refused = together ? await Promise.all(writes.map((start) => start())) : await oneByOne(writes);
  deepEqual(refused.flat(), []);
  const expected = createMemoryDatabase();
  for (const file of files) await expected.write({ ...batchOf([]), grouped: [recordOf(file)] });
  for (const [table, held] of [
    ['object', expected.objects],
    ['state', expected.states],
    ['image', expected.images],
  ] as const) {
    const wanted = [...held.values()].map((row): StoredRow => canonical(JSON.parse(String(row.json))));
    const found = (await rows(table)).filter((row) => row.tenant_id === tenant);
    deepEqual(comparable(found, wanted, table), comparable(wanted, wanted, table));
  }
}

async function oneByOne<T>(starts: readonly (() => Promise<T>)[]): Promise<readonly T[]> {
  const results: T[] = [];
  for (const start of starts) results.push(await start());
  return results;
}

/** The columns that don't depend on a clock or on the order of arrival. */
function comparable(rows: readonly StoredRow[], wanted: readonly StoredRow[], table: TableName): readonly string[] {
  const [first = {}] = wanted;
  const clocks = table === 'object' ? [] : ['created_time', 'updated_time'];
  const names = Object.keys(first).filter((name) => !clocks.includes(name));
  return rows.map((row) => JSON.stringify(names.map((name) => row[name]))).sort();
}

/** Trace ids are unique, and differ first in characters whose order depends on the encoding. */
function fileOf({ second, series, instance, patient }: Fact, n: number, tenant: string): FileFacts {
  const characters = [Math.floor(n / CHARACTERS.length), n % CHARACTERS.length].map((at) => CHARACTERS[at]).join('');
  return {
    tenant_id: tenant,
    trace_id: `${characters}${tenant.padEnd(30, '-')}`,
    created_time: `2026-01-01T00:00:0${second}.000`,
    patient_id: `P${patient}`,
    study_uid: '1.2',
    series_uid: `1.2.${series}`,
    sop_uid: `1.2.${series}.${instance}`,
    state: { study_description: `by record ${n}` },
    image: { instance_number: n },
  };
}

function batchesOf<T>(items: readonly T[], sizes: readonly number[]): readonly (readonly T[])[] {
  const batches: (readonly T[])[] = [];
  for (let at = 0; at < items.length; ) {
    const size = sizes[batches.length % sizes.length] ?? 1;
    batches.push(items.slice(at, at + size));
    at += size;
  }
  return batches;
}
