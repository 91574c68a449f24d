import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRecord } from '../../src/operators/parse-records.ts';
import type { ConsumedRecord } from '../../src/records/records.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';

function record(value: string | Buffer | null): ConsumedRecord {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return { topic: 't', partition: 0, offset: 0, key: null, value: bytes, headers: [], timestamp: 0 };
}

const parse = (fields: object) => parseRecord(record(JSON.stringify(fields)));
const messageOf = (fields: object) => {
  const parsed = parse(fields);
  return parsed.kind === 'poison' ? parsed.error.message : 'accepted';
};

/** What is read of plain text in its own way is what the schema makes of it. */
function expectSameAsAny(text: string): void {
  // The same record, written with an escape: that takes the way of everything that isn't plain.
  const other = text.replace('"tenant_id"', '"tenant\\u005fid"');
  const plain = parseRecord(record(text));
  const escaped = parseRecord(record(other));
  if (plain.kind === 'poison' || escaped.kind === 'poison') {
    expect(plain).toMatchObject({ kind: escaped.kind, error: 'error' in escaped ? escaped.error : {} });
    return;
  }
  const { object, source: _, ...rest } = plain;
  expect(escaped).toMatchObject(rest);
  const written = String(object.json);
  const row = JSON.parse(written);
  expect({ ...row, created_time: plain.version.time }).toEqual(JSON.parse(String(escaped.object.json)));
  expect(plain.version.time.startsWith(row.created_time)).toBe(true);
  // Nothing that a database would read otherwise: no field twice, whole numbers in digits.
  expect(written.match(/[{,]"[a-z_]+":/g)).toHaveLength(Object.keys(row).length);
  expect(written).toMatch(/"file_size":-?\d+[,}]/);
  expect(written).toMatch(/"number_of_frames":-?\d+[,}]/);
}

describe('parseRecord', () => {
  it('accepts a DicomStoreMeta as the receiver writes it', () => {
    const meta = storeMeta();
    expect(parse(meta)).toMatchObject({ kind: 'file', tenantId: meta.tenant_id, path: meta.file_path });
  });

  it.each([
    ['accession_number', null],
    ['accession_number', undefined],
    ['created_time', '2025-10-15T09:30:00'],
    ['created_time', '2025-10-15T09:30:00.123'],
    ['created_time', '2025-10-15T09:30:00.123456789'],
    ['file_size', Number.MAX_SAFE_INTEGER],
    ['patient_id', '山'.repeat(64)],
    ['patient_id', '𝒳'.repeat(64)],
  ])('accepts %s = %j', (field, value) => {
    expect(messageOf({ ...storeMeta(), [field]: value })).toBe('accepted');
  });

  it.each([
    ['2025-10-15T09:30:00', '000000'],
    ['2025-10-15T09:30:00.123', '123000'],
    ['2025-10-15T09:30:00.123456', '123456'],
    ['2025-10-15T09:30:00.123456789', '123456'],
  ])('makes %s a version of six fraction digits, cut and not rounded', (created_time, fraction) => {
    const parsed = parseRecord(record(JSON.stringify(storeMeta({ created_time }))));
    expect(parsed).toMatchObject({ kind: 'file', version: { time: `2025-10-15T09:30:00.${fraction}` } });
  });

  it.each([
    ['trace_id', 'short', 'trace_id: expected exactly 36 characters'],
    ['patient_id', 'x'.repeat(65), 'patient_id: expected at most 64 characters of well-formed text without NUL'],
    ['file_path', '/a\0b', 'file_path: expected at most 512 characters of well-formed text without NUL'],
    ['tenant_id', '\ud800', 'tenant_id: expected at most 64 characters of well-formed text without NUL'],
    ['file_size', 2 ** 53, 'file_size: expected a whole number below 2^53'],
    ['file_size', 1.5, 'file_size: expected a whole number below 2^53'],
    ['file_size', '12', 'file_size: expected a whole number below 2^53'],
    ['number_of_frames', 2 ** 31, 'number_of_frames: expected a whole number of 32 bits'],
    ['study_date', '2023-02-30', 'study_date: expected a date, YYYY-MM-DD'],
    ['study_date', '0000-01-01', 'study_date: expected a date, YYYY-MM-DD'],
    [
      'created_time',
      '2025-10-15T09:30:00Z',
      'created_time: expected YYYY-MM-DDTHH:MM:SS with no, 3, 6 or 9 fraction digits and no zone',
    ],
    [
      'created_time',
      '2025-10-15T24:00:00',
      'created_time: expected YYYY-MM-DDTHH:MM:SS with no, 3, 6 or 9 fraction digits and no zone',
    ],
    ['transfer_status', 'Maybe', 'transfer_status: expected one of NoNeedTransfer, Success, Failed, NeedTransfer'],
    ['source_ae', undefined, 'source_ae: missing'],
    ['source_ae', null, 'source_ae: expected string, received null'],
  ])('calls %s = %j poison and says what was expected', (field, value, message) => {
    expect(messageOf({ ...storeMeta(), [field]: value })).toBe(message);
  });

  it('names every field at fault, and no value', () => {
    const canary = 'CANARY^PATIENT';
    const fields = Object.fromEntries(Object.keys(storeMeta()).map((name) => [name, [canary]]));
    const parsed = parse(fields);
    expect(parsed).toMatchObject({ kind: 'poison', error: { code: 'invalid_field', fields: Object.keys(fields) } });
    expect(messageOf(fields)).not.toContain('CANARY');
  });

  it.each([
    [null, 'null_value'],
    ['{"patient_id": "CANARY', 'not_json'],
    ['', 'not_json'],
    ['[1]', 'not_an_object'],
    ['null', 'not_an_object'],
    ['"text"', 'not_an_object'],
    [Buffer.from([0x7b, 0xff, 0xfe]), 'not_utf8'],
  ])('calls %j poison: %s', (value, code) => {
    const parsed = parseRecord(record(value));
    expect(parsed).toMatchObject({ kind: 'poison', error: { code } });
    expect(JSON.stringify(parsed.kind === 'poison' ? parsed.error.message : '')).not.toContain('CANARY');
  });

  it('accepts unknown fields and tells how many', () => {
    const counts: number[] = [];
    const text = JSON.stringify({ ...storeMeta(), colour: 'red', nested: { deep: [1] } });
    expect(parseRecord(record(text), (count) => counts.push(count)).kind).toBe('file');
    const { accession_number: _, ...without } = storeMeta();
    parseRecord(record(JSON.stringify(without)), (count) => counts.push(count));
    expect(counts).toEqual([2]);
  });

  it('never pollutes a prototype', () => {
    parseRecord(record(`{"__proto__": {"polluted": true}, ${JSON.stringify(storeMeta()).slice(1)}`));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('reads plain text, which it needn’t decode or check field by field, just as any other', () => {
    const fields = Object.keys(storeMeta());
    const value = fc.constantFrom<unknown>(
      ...[
        '',
        'x',
        'x'.repeat(16),
        'x'.repeat(17),
        'x'.repeat(64),
        'x'.repeat(65),
        'é',
        'file_size',
        null,
        undefined,
        true,
      ],
      ...[
        0,
        -0,
        1.5,
        1_000,
        2 ** 31,
        2 ** 53,
        '2025-10-15T09:30:00',
        '2025-10-15T09:30:00.123',
        '2025-10-15T09:30:00.1234',
        '2025-10-15T09:30:00.123456',
        '2025-10-15T09:30:00.123456789',
        '2025-10-15T24:00:00',
        '2025-02-30',
        '2025-02-28',
        'Success',
        [],
      ],
    );
    const inForm = (meta: object, form: string) => {
      const text = JSON.stringify(meta);
      if (form === 'spaced') return JSON.stringify(meta, null, 1);
      if (form === 'twice') return text.replace('{', '{"file_size":1e3,"patient_id":"OTHER",');
      if (form === 'twice, shorter') return `${text.slice(0, -1)},"file_size":1e15,"source_ip":""}`;
      if (form === 'exponent') return text.replace(/"file_size":\d+/, '"file_size":1e15');
      if (form === 'exponent, as long')
        return `${text.replace(/"file_size":\d+/, '"file_size":1e15')}${' '.repeat(12)}`;
      if (form === 'zero before') return text.replace(/"number_of_frames":(\d+)/, '"number_of_frames":0$1');
      if (form === 'fraction') return text.replace(/"number_of_frames":(\d+)/, '"number_of_frames":$1.0');
      return text;
    };
    const forms = fc.constantFrom(
      ...['compact', 'spaced', 'twice', 'twice, shorter', 'exponent', 'exponent, as long', 'fraction', 'zero before'],
    );
    // As the wire has them, and any other way.
    const order = fc.oneof(fc.constant(fields), fc.shuffledSubarray(fields, { minLength: fields.length - 1 }));
    const changes = fc.dictionary(fc.constantFrom(...fields, 'unknown'), value, { maxKeys: 2 });
    fc.assert(
      fc.property(changes, forms, order, (change, form, names) => {
        const meta: Record<string, unknown> = { ...storeMeta(), source_ae: 'CT1', ...change };
        const text = inForm(Object.fromEntries(names.map((name) => [name, meta[name]])), form);
        expectSameAsAny(text);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads plain text with any byte changed, put in or taken out just as any other', () => {
    const text = JSON.stringify(storeMeta({ source_ae: 'CT1' }));
    const byte = fc.oneof(
      fc.constantFrom(...Array.from('"\\\\,:{}[]0129-+.eTnul \\n')),
      fc.string({ minLength: 1, maxLength: 1 }),
    );
    const change = fc.record({
      at: fc.nat(text.length),
      taken: fc.constantFrom(0, 1),
      put: fc.oneof(byte, fc.constant('')),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 2 }), (changes) => {
        const changed = changes.reduce(
          (all, { at, taken, put }) => all.slice(0, at) + put + all.slice(at + taken),
          text,
        );
        if (changed.includes('"tenant_id"')) expectSameAsAny(changed);
      }),
      { numRuns: 5_000 },
    );
  });

  it('answers for any bytes without throwing', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((text) => new TextEncoder().encode(text)),
        ),
        (bytes) => {
          expect(['file', 'poison']).toContain(parseRecord(record(Buffer.from(bytes))).kind);
        },
      ),
    );
  });
});
