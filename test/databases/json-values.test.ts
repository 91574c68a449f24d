import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonValues } from '../../src/databases/json-values.ts';
import { DICOM_STORE_META_FIELDS } from '../../src/records/dicom-store-meta.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../src/records/output-fields.ts';
import { buildDicomFile } from '../../src/samples/dicom-file.ts';
import { MemoryReader } from '../../src/testing/dicom-memory.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { SAMPLE } from '../dicom/sample.ts';

const GUARD = 0xee;
const BEFORE = 3;

/** The copied values as text, or undefined; fails when anything was written that should not be. */
function copied(json: Buffer, fields: readonly string[]): string | undefined {
  const values = new JsonValues(fields);
  const memory = Buffer.alloc(BEFORE + json.length + values.room + 8, GUARD);
  const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
  const end = values.copy(json, view, BEFORE);
  const outside = [...memory.subarray(0, BEFORE), ...memory.subarray(BEFORE + json.length + values.room)];
  expect(outside.every((byte) => byte === GUARD)).toBe(true);
  return end < 0 ? undefined : memory.toString('utf8', BEFORE, end);
}

const FIELDS = ['a', 'bc', 'a name of twenty-one', 'd'];
const value = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string(),
  fc.string({ unit: fc.constantFrom('"', '\\', 'x', '山', ',', '}', ' ') }),
);
const object = fc
  .tuple(...FIELDS.map(() => fc.option(value, { nil: undefined })))
  .map((values) => Object.fromEntries(FIELDS.map((field, position) => [field, values[position]])));

describe('JsonValues', () => {
  it("copies every value of the service's own rows: none has to be parsed", () => {
    const { state, image } = new MemoryReader().read(
      buildDicomFile({ dataSet: { ...SAMPLE, PatientName: '山田^太郎' } }),
    );
    const meta = JSON.stringify(storeMeta({ file_path: '/data/a"b.dcm' }));
    for (const [json, fields] of [
      [state, STATE_META_FIELDS],
      [image, IMAGE_META_FIELDS],
      [meta, DICOM_STORE_META_FIELDS],
    ] as const) {
      const row = JSON.parse(json);
      const expected = fields.map((field) => JSON.stringify(row[field] ?? null)).join(',');
      expect(copied(Buffer.from(json), fields)).toBe(expected);
    }
  });

  it('copies the values of any compact object in order, at any position in memory, or refuses it', () => {
    fc.assert(
      fc.property(object, fc.nat(7), (row, offset) => {
        const text = JSON.stringify(row);
        const json = Buffer.from(`${' '.repeat(offset)}${text}"`).subarray(offset, -1);
        const found = copied(json, FIELDS);
        if (found !== undefined)
          expect(JSON.parse(`[${found}]`)).toEqual(FIELDS.map((name) => JSON.parse(text)[name] ?? null));
        // What it may leave: escapes that PostgreSQL reads otherwise, truth values, exponents, a first field that isn't there, a last value of fewer than three bytes.
        const last = Object.values(row).findLast((each) => each !== undefined);
        const hasRoom = (JSON.stringify(last) ?? '').length >= 3;
        const simple = !/\\[^"\\]|true|false|\de/.test(text) && row.a !== undefined && hasRoom;
        if (simple) expect(found).toBeDefined();
      }),
    );
  });

  it.each([
    ['another order', '{"bc":1,"a":1,"d":"long enough"}'],
    ['a space', '{"a": 1,"d":"long enough"}'],
    ['a space in the end', '{"a":1,"d":"long enough"} '],
    ['a field more', '{"a":1,"e":2,"d":"long enough"}'],
    ['a field twice', '{"a":1,"a":2,"d":"long enough"}'],
    ['a list', '{"a":[1],"d":"long enough"}'],
    ['an escape', '{"a":"\\n","d":"long enough"}'],
    ['a name that only begins like one', '{"ab":1,"d":"long enough"}'],
    ['half a value', '{"a":"x","d":"long eno'],
    ['half an escape', '{"a":"x","d":"long eno\\'],
    ['a comma where the object begins', ',"bc":1,"d":"long enough"}'],
    ['nothing', ''],
  ])('leaves %s to a parser', (_, json) => {
    expect(copied(Buffer.from(json), FIELDS)).toBeUndefined();
  });

  it.each([
    '',
    '-',
    '01',
    '-01',
    '1.',
    '.5',
    '1-2',
    'nul',
    'nulls',
    'tru',
    '1 ',
    '\u0001',
    '"\n"',
    '"a longer text\u001f, and more of it"',
  ])('leaves %j to a parser: it is no JSON', (invalid) => {
    expect(copied(Buffer.from(`{"a":${invalid},"d":"long enough"}`), FIELDS)).toBeUndefined();
  });

  it('reads and writes nothing outside, whatever the bytes, and takes no bytes that are no JSON', () => {
    const byte = fc.oneof(fc.constantFrom(...Buffer.from('",}\\:0-.n\n')), fc.nat(255));
    const change = fc.record({ at: fc.nat(80), byte });
    fc.assert(
      fc.property(object, fc.array(change, { maxLength: 4 }), fc.nat(3), (row, changes, cut) => {
        const json = Buffer.from(JSON.stringify(row));
        for (const { at, byte } of changes) if (at < json.length) json[at] = byte;
        const left = json.subarray(0, json.length - cut);
        if (copied(left, FIELDS) !== undefined) expect(() => JSON.parse(String(left))).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });
});
