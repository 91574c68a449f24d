import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deadLetter, ERROR_HEADERS } from '../../src/dead-letters/format.ts';
import { matches, originalHeaders, readDeadLetter } from '../../src/dead-letters/read-dead-letter.ts';
import { DicomReadError, ParseError, SinkError } from '../../src/errors.ts';
import type { TopicRecord } from '../../src/kafka/admin/read-topic.ts';
import { KafkaOrigin, ORIGIN_HEADERS, originHeaders } from '../../src/kafka/consumer/origin.ts';
import type { ConsumedRecord, PoisonRecord, RecordHeader } from '../../src/records/records.ts';

const TRACE_ID = '0199e6ae-8148-7e73-8d6c-c435bf126fe4';

function consumed(fields: Partial<ConsumedRecord> = {}): ConsumedRecord {
  const key = Buffer.from(TRACE_ID);
  const origin = new KafkaOrigin({ topic: 'in', partition: 3, offset: 7 });
  return { origin, key, value: Buffer.from('{'), headers: [], ...fields };
}

/** The record as it is read back from the dead-letter topic. */
function written(source: ConsumedRecord, error: PoisonRecord['error']): TopicRecord {
  const { topic, key, value, headers = [] } = deadLetter('dlq', { kind: 'poison', source, error }, originHeaders);
  const bytes = (data: string | Buffer | null) => (typeof data === 'string' ? Buffer.from(data) : data);
  return { topic, partition: 0, offset: 0, key: bytes(key), value: bytes(value), headers, timestamp: 0 };
}

/** The same without the last header: what earlier versions wrote. */
function writtenBefore(source: ConsumedRecord, error: PoisonRecord['error']): TopicRecord {
  const letter = written(source, error);
  return { ...letter, headers: letter.headers.slice(0, -1) };
}

const FORMATS = [
  ['as it is written now', written],
  ['of an earlier version', writtenBefore],
] as const;

const ERRORS: readonly (readonly [code: string, error: PoisonRecord['error']])[] = [
  ['null_value', new ParseError('null_value', 'null value')],
  ['not_utf8', new ParseError('not_utf8', 'value is not UTF-8')],
  ['too_many_values', new ParseError('too_many_values', 'value holds more than 10000 JSON values')],
  ['not_json', new ParseError('not_json', 'value is not JSON')],
  ['not_an_object', new ParseError('not_an_object', 'value is not a JSON object')],
  ['invalid_field', new ParseError('invalid_field', 'study_uid: missing', ['study_uid'])],
  ['file_missing', new DicomReadError('file_missing')],
  ['missing_required', new DicomReadError('missing_required', 'PATIENT_ID')],
  ['rejected', new SinkError('postgres', 'rejected', '22001')],
];

describe.each(FORMATS)('a dead letter %s', (_, write) => {
  it.each(ERRORS)('has the code %s and is found by it', (code, error) => {
    const letter = readDeadLetter(write(consumed(), error));
    expect(letter.code).toBe(code);
    expect(matches(letter, code)).toBe(true);
  });

  it.each(ERRORS)('with the code %s is not found by any other code', (code, error) => {
    const letter = readDeadLetter(write(consumed(), error));
    const others = ERRORS.map(([other]) => other).filter((other) => other !== code);
    expect(others.filter((other) => matches(letter, other))).toEqual([]);
  });

  it('restores the headers that the record was consumed with, whatever they are', () => {
    const name = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.constantFrom(...Object.values(ERROR_HEADERS), ...Object.values(ORIGIN_HEADERS), '__streams.errors.stacktrace'),
    );
    const header = fc.tuple(name, fc.option(fc.uint8Array({ maxLength: 8 })));
    fc.assert(
      fc.property(fc.array(header, { maxLength: 14 }), (given) => {
        const headers = given.map(([key, value]): RecordHeader => [key, value === null ? null : Buffer.from(value)]);
        const [, error] = ERRORS[3] ?? [];
        if (error !== undefined) expect(originalHeaders(write(consumed({ headers }), error))).toEqual(headers);
      }),
    );
  });

  it('that failed a second time restores the headers of the first dead letter', () => {
    const first = write(consumed({ headers: [['a', Buffer.from('b')]] }), new DicomReadError('file_missing'));
    const second = write(consumed({ headers: first.headers }), new ParseError('not_json', 'value is not JSON'));
    expect(originalHeaders(second)).toEqual(first.headers);
    expect(readDeadLetter(second).code).toBe('not_json');
  });
});

describe('a dead letter', () => {
  it('of another program loses every header with the prefix, and no other', () => {
    const headers: RecordHeader[] = [
      ['__streams.errors.code', Buffer.from('x')],
      ['a', null],
      ['__streams.errors.exception', Buffer.from('java.lang.Exception')],
      ['streams.errors.code', null],
    ];
    expect(originalHeaders({ headers })).toEqual([headers[1], headers[3]]);
    const letter = written(consumed(), new ParseError('not_json', 'value is not JSON'));
    expect(readDeadLetter({ ...letter, headers: headers.slice(2) }).code).toBe('unknown');
  });

  it('shows its key only where the key is a trace id', () => {
    const traceIdOf = (key: string | null) =>
      readDeadLetter(
        written(consumed({ key: key === null ? null : Buffer.from(key) }), new DicomReadError('file_missing')),
      ).traceId;
    expect(traceIdOf(TRACE_ID)).toBe(TRACE_ID);
    for (const key of [null, '', 'Doe^Jane', `${TRACE_ID}x`, 'Doe^Jane 1970-01-01 0123456789 abcde', 'é'.repeat(18)])
      expect(traceIdOf(key)).toBeUndefined();
  });
});
