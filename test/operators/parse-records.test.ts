import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ParseError } from '../../src/errors.ts';
import { parseRecord } from '../../src/operators/parse-records.ts';
import { DICOM_STORE_META_FIELDS } from '../../src/records/dicom-store-meta.ts';
import type { ConsumedRecord } from '../../src/records/records.ts';
import { consumedRecord } from '../../src/testing/consumed-record.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';

function record(value: string | Buffer | null): ConsumedRecord {
  return consumedRecord(typeof value === 'string' ? Buffer.from(value) : value);
}

const FIELDS = DICOM_STORE_META_FIELDS;
const REQUIRED_FIELDS = FIELDS.filter((field) => field !== 'accession_number');

const parse = (fields: object) => parseRecord(record(JSON.stringify(fields)));
const messageOf = (fields: object) => {
  const parsed = parse(fields);
  return parsed.kind === 'poison' ? parsed.error.message : 'accepted';
};

/** Expects the fast path to give the same result as the schema. */
function expectSameAsAny(text: string): void {
  // The same record with an escape, which only the schema accepts.
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
  // Databases and JSON.parse must agree on the row: no duplicate field, no exponents.
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
  ])('truncates the fraction of %s to six digits for the version, without rounding', (created_time, fraction) => {
    const parsed = parseRecord(record(JSON.stringify(storeMeta({ created_time }))));
    expect(parsed).toMatchObject({ kind: 'file', version: { time: `2025-10-15T09:30:00.${fraction}` } });
  });

  it.each([
    ['trace_id', 'short', 'trace_id: expected exactly 36 characters'],
    ['trace_id', 'x'.repeat(37), 'trace_id: expected exactly 36 characters'],
    ['patient_id', 'x'.repeat(65), 'patient_id: longer than 64 characters'],
    ['accession_number', 'x'.repeat(17), 'accession_number: longer than 16 characters'],
    ['file_path', '/a\0b', 'file_path: contains NUL'],
    ['tenant_id', '\ud800', 'tenant_id: contains a lone surrogate'],
    ['file_size', 2 ** 53, 'file_size: out of range: expected a magnitude below 2^53'],
    ['file_size', -(2 ** 53), 'file_size: out of range: expected a magnitude below 2^53'],
    ['file_size', 1.5, 'file_size: expected a whole number, got a fraction'],
    ['file_size', '12', 'file_size: expected a whole number, got a string'],
    ['number_of_frames', 2 ** 31, 'number_of_frames: out of range: expected -2^31 to 2^31 - 1'],
    ['number_of_frames', 0.5, 'number_of_frames: expected a whole number, got a fraction'],
    ['number_of_frames', true, 'number_of_frames: expected a whole number, got a boolean'],
    ['study_date', '2023-02-30', 'study_date: expected a date, YYYY-MM-DD'],
    ['study_date', '0000-01-01', 'study_date: expected a date, YYYY-MM-DD'],
    ['study_date', 20230228, 'study_date: expected a string, got a number'],
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
    ['transfer_status', [], 'transfer_status: expected a string, got an array'],
    ['source_ae', {}, 'source_ae: expected a string, got an object'],
  ])('rejects %s = %j and says what was expected', (field, value, message) => {
    expect(messageOf({ ...storeMeta(), [field]: value })).toBe(message);
  });

  it.each(REQUIRED_FIELDS)('reports an absent %s as missing, and a null as null', (field) => {
    const { [field]: _, ...without } = storeMeta();
    expect(messageOf(without)).toBe(`${field}: missing`);
    expect(messageOf({ ...storeMeta(), [field]: null })).toMatch(new RegExp(`^${field}: expected .*, got null$`));
  });

  it('reports a number that JSON.parse reads as Infinity as out of range', () => {
    const text = JSON.stringify(storeMeta()).replace(/"file_size":\d+/, '"file_size":1e999');
    const parsed = parseRecord(record(text));
    expect(parsed).toMatchObject({ error: { message: 'file_size: out of range: expected a magnitude below 2^53' } });
  });

  it('names every invalid field and quotes no value, whatever the values are', () => {
    const canary = 'CANARY7351';
    const number = 73_517_351;
    const value = fc.oneof(
      fc.string().map((text) => `${canary}${text}`),
      fc.string().map((text) => [`${text}${canary}`]),
      fc.string().map((text) => ({ [canary]: text })),
      fc.constantFrom(number + 0.5, number * 2 ** 40, `${canary}\0`, `${canary}\ud800`, canary.repeat(100)),
    );
    const values = fc.record(Object.fromEntries(FIELDS.map((field) => [field, value])), { requiredKeys: [] });
    fc.assert(
      fc.property(values, (changes) => {
        const parsed = parse({ ...storeMeta(), ...changes });
        if (parsed.kind === 'file' || !(parsed.error instanceof ParseError)) return;
        expect(parsed.error.code).toBe('invalid_field');
        expect(Object.keys(changes)).toEqual(expect.arrayContaining([...parsed.error.fields]));
        expect(parsed.error.message).not.toMatch(/CANARY|7351/);
      }),
    );
    const all = Object.fromEntries(FIELDS.map((field) => [field, [canary]]));
    expect(parse(all)).toMatchObject({ error: { fields: FIELDS } });
  });

  it.each([
    [null, 'null_value'],
    ['{"patient_id": "CANARY', 'not_json'],
    ['', 'not_json'],
    ['[1]', 'not_an_object'],
    ['null', 'not_an_object'],
    ['"text"', 'not_an_object'],
    [Buffer.from([0x7b, 0xff, 0xfe]), 'not_utf8'],
  ])('rejects %j as %s', (value, code) => {
    const parsed = parseRecord(record(value));
    expect(parsed).toMatchObject({ kind: 'poison', error: { code } });
    expect(JSON.stringify(parsed.kind === 'poison' ? parsed.error.message : '')).not.toContain('CANARY');
  });

  it('accepts unknown fields and counts them', () => {
    const counts: number[] = [];
    const text = JSON.stringify({ ...storeMeta(), colour: 'red', nested: { deep: [1] } });
    expect(parseRecord(record(text), { unknownFields: (count) => counts.push(count) }).kind).toBe('file');
    const { accession_number: _, ...without } = storeMeta();
    parseRecord(record(JSON.stringify(without)), { unknownFields: (count) => counts.push(count) });
    expect(counts).toEqual([2]);
  });

  it.each([
    ['NeedTransfer', 1],
    ['NoNeedTransfer', 0],
    ['Success', 0],
    ['Failed', 0],
  ])(
    'reports transfer_status %s as needing transfer %d time(s), on the fast path and by the schema',
    (status, times) => {
      const text = JSON.stringify(storeMeta({ transfer_status: status as 'NeedTransfer' }));
      for (const written of [text, text.replace('"tenant_id"', '"tenant\\u005fid"')]) {
        const needsTransfer = vi.fn();
        expect(parseRecord(record(written), { needsTransfer }).kind).toBe('file');
        expect(needsTransfer).toHaveBeenCalledTimes(times);
      }
      // A rejected record is not counted.
      const needsTransfer = vi.fn();
      parseRecord(record(text.replace('"file_size"', '"file_sizes"')), { needsTransfer });
      expect(needsTransfer).not.toHaveBeenCalled();
    },
  );

  it('never pollutes a prototype', () => {
    parseRecord(record(`{"__proto__": {"polluted": true}, ${JSON.stringify(storeMeta()).slice(1)}`));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('reads a compact ASCII record as the schema reads the same record with an escape', () => {
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
    // The receiver's order, and any other.
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
  }, 60_000);

  it('agrees with the schema on a compact record with bytes changed, inserted or removed', () => {
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
  }, 60_000);

  it('never throws, whatever the bytes are', () => {
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
