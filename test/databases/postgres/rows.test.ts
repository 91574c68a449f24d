import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowArrayWriter } from '../../../src/databases/postgres/rows.ts';
import { RowError } from '../../../src/databases/row-values.ts';
import type { Row } from '../../../src/records/records.ts';

const FIELDS = ['a', 'b', 'c'];

function rowOf(json: string): Row {
  return { identity: '', version: { time: '', traceId: '' }, json: Buffer.from(json) };
}

/** The elements of a text[] in PostgreSQL's binary format. */
function elementsOf(array: Buffer): string[] {
  const [dimensions, hasNulls, type] = [array.readInt32BE(0), array.readInt32BE(4), array.readInt32BE(8)];
  expect([hasNulls, type]).toEqual([0, 25]);
  if (dimensions === 0) {
    expect(array).toHaveLength(12);
    return [];
  }
  expect([dimensions, array.readInt32BE(16)]).toEqual([1, 1]);
  const elements: string[] = [];
  let at = 20;
  while (at < array.length) {
    const end = at + 4 + array.readInt32BE(at);
    elements.push(array.toString('utf8', at + 4, end));
    at = end;
  }
  expect([at, elements.length]).toEqual([array.length, array.readInt32BE(12)]);
  return elements;
}

const text = fc.oneof(
  fc.string({ unit: 'binary' }).map((each) => each.toWellFormed()),
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', 'x') }),
  // Longer than the memory that there is at first.
  fc.nat(50_000).map((length) => '山'.repeat(length)),
);
const value = fc.oneof(text, fc.integer(), fc.constant(null), fc.constant(undefined));
const objects = fc.array(fc.record({ a: value, b: value, c: value }), { maxLength: 12 });

const literalOf = (values: readonly unknown[]) =>
  `{${values.map((each) => (typeof each === 'string' ? `"${each.replace(/["\\]/g, '\\$&')}"` : `${each ?? null}`)).join(',')}}`;

describe('RowArrayWriter', () => {
  it('writes rows as array literals into reused memory', () => {
    const writer = new RowArrayWriter(FIELDS);
    fc.assert(
      fc.property(objects, fc.boolean(), (list, inOrder) => {
        const rows = list.map(({ a, b, c }) =>
          rowOf(JSON.stringify(inOrder ? { a, b, c } : { c, a, b, d: 'not asked for' })),
        );
        const expected = list.map(({ a, b, c }) => literalOf([a, b, c]));
        expect(elementsOf(writer.write(rows))).toEqual(expected);
      }),
    );
  });

  it('has room for the nulls of rows that are shorter than these, wherever its memory ends', () => {
    for (let length = 0; length < 20; length++) {
      const rows = [
        rowOf(`{"a":"${'x'.repeat(length)}"}`),
        ...Array.from({ length: 5_000 }, () => rowOf('{"a":"long enough"}')),
      ];
      expect(elementsOf(new RowArrayWriter(FIELDS).write(rows)).at(-1)).toBe('{"long enough",null,null}');
    }
  });

  it('writes any value other than text, number or null as JSON', () => {
    const json = '{"a":true,"b":[1,"x"],"c":{"d":null}}';
    expect(elementsOf(new RowArrayWriter(FIELDS).write([rowOf(json)]))).toEqual([
      String.raw`{true,"[1,\"x\"]","{\"d\":null}"}`,
    ]);
  });

  it.each([
    ['not_an_object', '{"a":"CANARY'],
    ['not_an_object', 'null'],
    ['not_well_formed', String.raw`{"a":"CANARY\ud800"}`],
  ])('refuses what it can not write: %s, with no word of what it was', (code, json) => {
    const write = () => new RowArrayWriter(FIELDS).write([rowOf(json)]);
    expect(write).toThrow(new RowError(code as RowError['code']));
  });
});
