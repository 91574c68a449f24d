import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConnectValue,
  Reader,
  readStruct,
  readValue,
  Timestamp,
  ValueError,
  Writer,
  writeStruct,
  writeValue,
} from '../../src/connect-plugin/value.ts';
import { protocolType } from './reference.ts';

const Value = protocolType('Value');

function encode(value: ConnectValue): Buffer {
  return Buffer.from(writeValue(value, Writer.create()).finish());
}

function decode(bytes: Uint8Array): ConnectValue {
  return readValue(Reader.create(bytes), bytes.length);
}

/** What protobufjs reads: kinds and values, 64-bit integers as text. */
function reference(bytes: Uint8Array): Record<string, unknown> {
  return Value.toObject(Value.decode(bytes), { longs: String, oneofs: true });
}

const timestamps = fc
  .tuple(fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }), fc.integer({ min: 0, max: 999_999_999 }))
  .map(([seconds, nanos]) => new Timestamp(seconds, nanos));

const { values } = fc.letrec<{ values: ConnectValue }>((tie) => ({
  values: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant(null),
    fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: false }),
    // Only those that no number represents stay bigints.
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    timestamps,
    fc.array(tie('values'), { maxLength: 5 }),
    fc
      .dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('values'), {
        maxKeys: 5,
        noNullPrototype: false,
      })
      .map((fields) => Object.assign(Object.create(null), fields) as Record<string, ConnectValue>),
  ),
}));

describe('a value of Redpanda Connect', () => {
  it('is the same after it was written and read, whatever it holds', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(encode(value))).toStrictEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('is read and written as protobufjs does with the .proto files', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value);
        // What protobufjs decodes and encodes again is the same value.
        expect(decode(Value.encode(Value.decode(bytes)).finish())).toStrictEqual(value);
      }),
      { numRuns: 200 },
    );
  });

  it.each<[ConnectValue, Record<string, unknown>]>([
    [null, { kind: 'null_value', null_value: 0 }],
    ['text', { kind: 'string_value', string_value: 'text' }],
    [-7, { kind: 'integer_value', integer_value: '-7' }],
    [2 ** 53 - 1, { kind: 'integer_value', integer_value: '9007199254740991' }],
    [2n ** 53n, { kind: 'integer_value', integer_value: '9007199254740992' }],
    [-(2n ** 63n), { kind: 'integer_value', integer_value: '-9223372036854775808' }],
    [2 ** 53, { kind: 'double_value', double_value: 2 ** 53 }],
    [-0, { kind: 'double_value', double_value: -0 }],
    [0.5, { kind: 'double_value', double_value: 0.5 }],
    [true, { kind: 'bool_value', bool_value: true }],
    [Buffer.from([0, 255]), { kind: 'bytes_value', bytes_value: Buffer.from([0, 255]) }],
    [
      new Date('1969-12-31T23:59:59.999Z'),
      { kind: 'timestamp_value', timestamp_value: { seconds: '-1', nanos: 999_000_000 } },
    ],
    [[], { kind: 'list_value', list_value: {} }],
    [{}, { kind: 'struct_value', struct_value: {} }],
  ])('writes %s as the kind that the protocol has for it', (value, expected) => {
    expect(reference(encode(value))).toEqual(expected);
  });

  it('reads small bigints as numbers, and a double that is whole as the same number', () => {
    expect(decode(encode(5n))).toBe(5);
    expect(decode(Value.encode(Value.create({ double_value: 3 })).finish())).toBe(3);
  });

  it('refuses integers of more than 64 bits and values nested too deeply, not the last ones that fit', () => {
    expect(() => encode(2n ** 63n)).toThrow(ValueError);
    const nested = (depth: number) => Array.from({ length: depth }).reduce<ConnectValue>((inner) => [inner], null);
    expect(decode(encode(nested(64)))).toEqual(nested(64));
    expect(() => encode(nested(65))).toThrow(ValueError);
  });

  it('skips fields that it does not know', () => {
    const bytes = Buffer.concat([encode('text'), Buffer.from([0xa0, 0x06, 0x01])]);
    expect(decode(bytes)).toBe('text');
  });

  it('keeps a field named __proto__ apart from the prototype', () => {
    const struct = JSON.parse('{"__proto__": {"polluted": true}}');
    const bytes = writeStruct(struct, Writer.create()).finish();
    const read = readStruct(Reader.create(bytes), bytes.length);
    expect(Object.keys(read)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(read)).toBeNull();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('a timestamp', () => {
  it('is a date with cut nanoseconds, and RFC 3339 in JSON', () => {
    const time = new Timestamp(-1n, 999_999_999);
    expect(time.toDate().getTime()).toBe(-1);
    expect(JSON.stringify([time, new Timestamp(0n, 0)])).toBe(
      '["1969-12-31T23:59:59.999999999Z","1970-01-01T00:00:00Z"]',
    );
  });
});
