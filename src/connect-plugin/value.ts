/** Values of Redpanda Connect (`Value` in proto/redpanda/runtime/v1alpha1/message.proto) as JavaScript values. */
import protobuf from 'protobufjs/minimal.js';

const { Reader, Writer } = protobuf;

export { Reader, Writer };

/** protobufjs' reader and writer. */
export type Reader = protobuf.Reader;
export type Writer = protobuf.Writer;

/**
 * A value. A whole number that JavaScript represents exactly is an integer, any other number a double. Integers beyond 2^53 are
 * bigints. A `Date` can be written; what is read is a `Timestamp`. Structs have no prototype, so any name is safe.
 */
export type ConnectValue =
  | null
  | string
  | number
  | bigint
  | boolean
  | Timestamp
  | Date
  | Uint8Array
  | readonly ConnectValue[]
  | ConnectStruct;

/** A struct: fields by name. */
export interface ConnectStruct {
  readonly [name: string]: ConnectValue;
}

/** A point in time with nanoseconds. */
export class Timestamp {
  /** Seconds since 1970, negative before. */
  readonly seconds: bigint;
  /** 0 to 999,999,999, counted forwards from `seconds`. */
  readonly nanos: number;

  constructor(seconds: bigint, nanos: number) {
    this.seconds = seconds;
    this.nanos = nanos;
  }

  /** The timestamp of a date; its nanoseconds are whole milliseconds. */
  static of(date: Date): Timestamp {
    const ms = BigInt(date.getTime());
    const rest = ((ms % THOUSAND) + THOUSAND) % THOUSAND;
    return new Timestamp((ms - rest) / THOUSAND, Number(rest) * 1_000_000);
  }

  /** The time in whole milliseconds; later digits are cut. */
  toDate(): Date {
    return new Date(Number(this.seconds * THOUSAND) + Math.floor(this.nanos / 1_000_000));
  }

  /** RFC 3339, as Redpanda Connect writes times in JSON. */
  toJSON(): string {
    const [whole = ''] = this.toDate().toISOString().split('.');
    const fraction = String(this.nanos).padStart(9, '0').replace(/0+$/, '');
    return `${whole}${fraction === '' ? '' : `.${fraction}`}Z`;
  }
}

const THOUSAND = 1_000n;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** Field numbers and wire types as tags: number << 3 | type. */
const NULL = 8;
const STRING = 18;
const INTEGER = 24;
const DOUBLE = 33;
const BOOL = 40;
const TIMESTAMP = 50;
const BYTES = 58;
const STRUCT = 66;
const LIST = 74;
const FIRST_MESSAGE = 10;

/** Deeper values are refused: Connect's own decoder ends at 100 messages, and a struct's level takes three. */
const MAX_DEPTH = 64;

/** A value can't be sent to Redpanda Connect, or what came from it isn't one. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}

/** Writes the fields of a `Value`. */
export function writeValue(value: ConnectValue, writer: Writer, depth = 0): Writer {
  if (depth > MAX_DEPTH) throw new ValueError(`values are nested more than ${MAX_DEPTH} levels deep`);
  switch (typeof value) {
    case 'string':
      return writer.uint32(STRING).string(value);
    case 'boolean':
      return writer.uint32(BOOL).bool(value);
    case 'bigint':
      return writeInteger(value, writer);
    case 'number':
      // -0 is a double: an integer has no negative zero.
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return writer.uint32(INTEGER).int64(value);
      return writer.uint32(DOUBLE).double(value);
    case 'object':
      return writeObject(value, writer, depth);
    default:
      throw new ValueError(`Redpanda Connect has no values of type ${typeof value}`);
  }
}

function writeObject(value: Exclude<ConnectValue, string | number | bigint | boolean>, writer: Writer, depth: number) {
  if (value === null) return writer.uint32(NULL).int32(0);
  if (value instanceof Uint8Array) return writer.uint32(BYTES).bytes(value);
  if (value instanceof Timestamp) return writeTimestamp(value, writer);
  if (value instanceof Date) return writeTimestamp(Timestamp.of(value), writer);
  if (isList(value)) {
    writer.uint32(LIST).fork();
    for (const item of value) writeValue(item, writer.uint32(FIRST_MESSAGE).fork(), depth + 1).ldelim();
    return writer.ldelim();
  }
  return writeStruct(value, writer.uint32(STRUCT).fork(), depth).ldelim();
}

function isList(value: readonly ConnectValue[] | ConnectStruct): value is readonly ConnectValue[] {
  return Array.isArray(value);
}

/** Writes the fields of a `StructValue`. */
export function writeStruct(struct: ConnectStruct, writer: Writer, depth = 0): Writer {
  for (const name of Object.keys(struct)) {
    const value = struct[name];
    if (value === undefined) continue;
    writer.uint32(FIRST_MESSAGE).fork().uint32(10).string(name);
    writeValue(value, writer.uint32(18).fork(), depth + 1).ldelim();
    writer.ldelim();
  }
  return writer;
}

function writeInteger(value: bigint, writer: Writer): Writer {
  if (value < MIN_INT64 || value > MAX_INT64) throw new ValueError('an integer has more than 64 bits');
  return writer.uint32(INTEGER).int64(longOf(value));
}

function longOf(value: bigint) {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: false };
}

function writeTimestamp({ seconds, nanos }: Timestamp, writer: Writer): Writer {
  return writer.uint32(TIMESTAMP).fork().uint32(8).int64(longOf(seconds)).uint32(16).int32(nanos).ldelim();
}

/** Reads a `Value` of `length` bytes. Of several kinds, the last counts; none is null. */
export function readValue(reader: Reader, length: number, depth = 0): ConnectValue {
  if (depth > MAX_DEPTH) throw new ValueError(`values are nested more than ${MAX_DEPTH} levels deep`);
  const end = reader.pos + length;
  let value: ConnectValue = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag) {
      case NULL:
        reader.int32();
        value = null;
        break;
      case STRING:
        value = reader.string();
        break;
      case INTEGER:
        value = readInteger(reader);
        break;
      case DOUBLE:
        value = reader.double();
        break;
      case BOOL:
        value = reader.bool();
        break;
      case TIMESTAMP:
        value = readTimestamp(reader, reader.uint32());
        break;
      case BYTES:
        value = reader.bytes();
        break;
      case STRUCT:
        value = readStruct(reader, reader.uint32(), depth + 1);
        break;
      case LIST:
        value = readList(reader, reader.uint32(), depth + 1);
        break;
      default:
        reader.skipType(tag & 7);
    }
  }
  return value;
}

/** Reads a `StructValue` of `length` bytes. */
export function readStruct(reader: Reader, length: number, depth = 0): ConnectStruct {
  const end = reader.pos + length;
  const struct: Record<string, ConnectValue> = Object.create(null);
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag !== FIRST_MESSAGE) {
      reader.skipType(tag & 7);
      continue;
    }
    const entryEnd = reader.uint32() + reader.pos;
    let name = '';
    let value: ConnectValue = null;
    while (reader.pos < entryEnd) {
      const inner = reader.uint32();
      if (inner === 10) name = reader.string();
      else if (inner === 18) value = readValue(reader, reader.uint32(), depth);
      else reader.skipType(inner & 7);
    }
    struct[name] = value;
  }
  return struct;
}

function readList(reader: Reader, length: number, depth: number): readonly ConnectValue[] {
  const end = reader.pos + length;
  const list: ConnectValue[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === FIRST_MESSAGE) list.push(readValue(reader, reader.uint32(), depth));
    else reader.skipType(tag & 7);
  }
  return list;
}

function readInteger(reader: Reader): number | bigint {
  const value = bigintOf(reader);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function bigintOf(reader: Reader): bigint {
  const long: { readonly low: number; readonly high: number } | number = reader.int64();
  if (typeof long === 'number') return BigInt(long);
  return (BigInt(long.high) << 32n) | BigInt(long.low >>> 0);
}

function readTimestamp(reader: Reader, length: number): Timestamp {
  const end = reader.pos + length;
  let seconds = 0n;
  let nanos = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) seconds = bigintOf(reader);
    else if (tag === 16) nanos = reader.int32();
    else reader.skipType(tag & 7);
  }
  return new Timestamp(seconds, nanos);
}
