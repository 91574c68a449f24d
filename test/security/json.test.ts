import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRecord } from '../../src/operators/parse-records.ts';
import { DICOM_STORE_META_FIELDS } from '../../src/records/dicom-store-meta.ts';
import { consumedRecord } from '../../src/testing/consumed-record.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { HOSTILE_VALUES } from './hostile-json.ts';

/**
 * Milliseconds of processor time that one record may cost. The promise is 100; the rest is room. What it guards against, ten megabytes of
 * fields or brackets, took 400 to 1,700.
 */
const BOUND = 250;

/** The bound of a slow machine: as much more as parsing a list of a million objects takes longer there. */
const slowMachineBound = () => 1.5 * costOf(() => JSON.parse(`[${'{"a":1},'.repeat(1_250_000)}1]`), 0);

/** Parses and, where there is a row to store, makes it: everything that the main thread does with a value. */
function outcomeOf(value: Buffer): string {
  const parsed = parseRecord(consumedRecord(value));
  if (parsed.kind === 'poison') return parsed.error.code;
  const row = JSON.parse(String(parsed.object.json));
  expect(DICOM_STORE_META_FIELDS).toEqual(expect.arrayContaining(Object.keys(row)));
  return parsed.kind;
}

/** Processor time of this process, so that busy neighbours don't count: of the first run below `enough`, or the least of three. */
function costOf(work: () => void, enough: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3 && least >= enough; run++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

describe('a malicious record', () => {
  it.each(HOSTILE_VALUES)('is parsed cheaply and as JSON defines: $name', { timeout: 60_000 }, ({ bytes, outcome }) => {
    const value = bytes();
    expect(outcomeOf(value)).toBe(outcome);
    const cost = costOf(() => parseRecord(consumedRecord(value)), BOUND);
    expect(cost).toBeLessThan(cost < BOUND ? BOUND : slowMachineBound());
  });

  it('changes no prototype', () => {
    const names = () => [Object.prototype, Array.prototype, Function.prototype].map((each) => Reflect.ownKeys(each));
    const before = names();
    for (const { bytes } of HOSTILE_VALUES.slice(0, 22)) outcomeOf(bytes());
    expect(names()).toEqual(before);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('keeps its own fields although it sets a prototype', () => {
    const text = `{"__proto__":{"patient_id":"inherited"},${JSON.stringify(storeMeta({ patient_id: 'own' })).slice(1)}`;
    const parsed = parseRecord(consumedRecord(Buffer.from(text)));
    expect(parsed).toMatchObject({ kind: 'file' });
    expect(JSON.parse(parsed.kind === 'file' ? String(parsed.object.json) : '')).toMatchObject({ patient_id: 'own' });
    const { patient_id: _, ...without } = storeMeta();
    const inherited = `{"__proto__":{"patient_id":"inherited"},${JSON.stringify(without).slice(1)}`;
    expect(parseRecord(consumedRecord(Buffer.from(inherited)))).toMatchObject({ error: { fields: ['patient_id'] } });
  });
});

describe('any record', () => {
  const field = fc.constantFrom(...DICOM_STORE_META_FIELDS, '__proto__', 'constructor', 'toJSON', 'then', '');
  const odd = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constantFrom('\ud800', 'a\0', '1e400', '-0'));

  it('with any fields replaced is a file or poison, and its row holds known columns only', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(field, odd), { maxLength: 4 }), (changes) => {
        const text = `${JSON.stringify(storeMeta()).slice(0, -1)},${changes
          .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
          .concat('"end":0}')
          .join(',')}`;
        expect(['file', 'invalid_field']).toContain(outcomeOf(Buffer.from(text)));
      }),
      { numRuns: 500 },
    );
  });

  it('with any bytes changed, cut out or repeated is a file or poison', () => {
    const valid = Buffer.from(JSON.stringify(storeMeta()));
    const change = fc.record({
      at: fc.nat(valid.length - 1),
      length: fc.nat(20),
      bytes: fc.uint8Array({ maxLength: 20 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
        const mutant = changes.reduce(
          (bytes, { at, length, bytes: put }) =>
            Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + length)]),
          valid,
        );
        expect(['file', 'not_utf8', 'not_json', 'not_an_object', 'invalid_field']).toContain(outcomeOf(mutant));
      }),
      { numRuns: 500 },
    );
  });
});
