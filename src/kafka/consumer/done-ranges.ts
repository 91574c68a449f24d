import { crc32 } from 'node:zlib';
import { bitsOf, MAX_PARAMETER, RiceReader, RiceWriter } from './rice-code.ts';

/**
 * Ranges of done offsets above a watermark: the first offset of a range and the one after its last, alternating and ascending. Ranges
 * neither touch nor overlap. One flat array, because there may be thousands of ranges and each commit encodes them.
 */
export type DoneRanges = readonly number[];

/** The number of offsets in ranges. */
export function countOf(ranges: DoneRanges): number {
  let count = 0;
  for (let i = 0; i < ranges.length; i += 2) count += (ranges[i + 1] ?? 0) - (ranges[i] ?? 0);
  return count;
}

/** Encoded ranges. */
export interface EncodedRanges {
  /** Empty when no range is listed. */
  readonly bytes: Buffer;
  /** Every done offset below it is listed; Infinity when all are. */
  readonly listedTo: number;
}

/** Each value is the number of done offsets between two open ones, from the base on; the last value ends the list. */
const DISTANCES = 1;
/** Pairs: the length of a run of open offsets, from the base on, and that of the done ones after it, both minus 1. */
const RUNS = 2;
const HEADER_BYTES = 6;
const CHECKSUM_BYTES = 4;
const MAX_COUNT = 2 ** 24 - 1;

/**
 * Encodes ranges above `base`, an offset that is not done. What doesn't fit into `maxBytes` is left out from the far end. `log` identifies
 * the log that the offsets belong to.
 *
 * The bytes: the coding (DISTANCES or RUNS, the shorter one), the Rice parameters of done and of open offsets, the number of values (24
 * bits), the values (rice-code.ts), and the CRC-32 of `log`, `base` and the bytes before. Numbers are big-endian.
 */
export function encodeRanges(log: string, base: number, ranges: DoneRanges, maxBytes: number): EncodedRanges {
  const room = maxBytes - HEADER_BYTES - CHECKSUM_BYTES;
  if (ranges.length === 0 || room <= 0) return nothing(ranges);
  const { coding, parameter, openParameter } = codingFor(base, ranges);
  const writer = new RiceWriter(room);
  let listedTo = Number.POSITIVE_INFINITY;
  let count = 0;
  for (let i = 0, at = base; i < ranges.length; i += 2) {
    const from = ranges[i] ?? at;
    const to = ranges[i + 1] ?? from;
    const opens = from - at - 1;
    const bits =
      coding === DISTANCES
        ? opens * bitsOf(0, parameter) + bitsOf(to - from, parameter)
        : bitsOf(opens, openParameter) + bitsOf(to - from - 1, parameter);
    const values = coding === DISTANCES ? opens + 1 : 2;
    if (!writer.hasRoom(bits) || count + values > MAX_COUNT) {
      listedTo = from;
      break;
    }
    if (coding === DISTANCES) {
      for (let open = 0; open < opens; open++) writer.write(0, parameter);
      writer.write(to - from, parameter);
    } else {
      writer.write(opens, openParameter);
      writer.write(to - from - 1, parameter);
    }
    count += values;
    at = to;
  }
  if (count === 0) return nothing(ranges);
  const header = Buffer.from([coding, parameter, openParameter, 0, 0, 0]);
  header.writeUIntBE(count, 3, 3);
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  const body = Buffer.concat([header, writer.written]);
  checksum.writeUInt32BE(checksumOf(log, base, body));
  return { bytes: Buffer.concat([body, checksum]), listedTo };
}

/** The ranges that `encodeRanges` listed. Undefined for any other bytes, another log and another base. */
export function decodeRanges(log: string, base: number, bytes: Buffer): DoneRanges | undefined {
  const end = bytes.length - CHECKSUM_BYTES;
  if (end <= HEADER_BYTES || bytes.readUInt32BE(end) !== checksumOf(log, base, bytes.subarray(0, end)))
    return undefined;
  const [coding = 0, parameter = 0, openParameter = 0] = bytes;
  const count = bytes.readUIntBE(3, 3);
  const values = bytes.subarray(HEADER_BYTES, end);
  // Each value has one bit at least.
  if (parameter > MAX_PARAMETER || openParameter > MAX_PARAMETER || count > values.length * 8) return undefined;
  const reader = new RiceReader(values);
  const ranges: number[] = [];
  let at = base;
  const done = (opens: number, length: number) => {
    const from = at + opens;
    if (length > 0) ranges.push(from, from + length);
    at = from + length;
  };
  if (coding === DISTANCES) for (let i = 0; i < count; i++) done(1, reader.read(parameter));
  else if (coding === RUNS && count % 2 === 0)
    for (let i = 0; i < count; i += 2) done(reader.read(openParameter) + 1, reader.read(parameter) + 1);
  else return undefined;
  return reader.isComplete && at === ranges.at(-1) && Number.isSafeInteger(at) ? ranges : undefined;
}

function nothing(ranges: DoneRanges): EncodedRanges {
  return { bytes: Buffer.alloc(0), listedTo: ranges[0] ?? Number.POSITIVE_INFINITY };
}

/**
 * The shorter coding, with the parameters that make it shortest. With estimated ones, the list could become longer when an offset is done,
 * and then a transaction could not commit that offset.
 */
function codingFor(base: number, ranges: DoneRanges) {
  const opens: number[] = [];
  const lengths: number[] = [];
  for (let i = 0, at = base; i < ranges.length; i += 2) {
    const from = ranges[i] ?? at;
    const to = ranges[i + 1] ?? from;
    opens.push(from - at - 1);
    lengths.push(to - from);
    at = to;
  }
  const zeros = opens.reduce((sum, each) => sum + each, 0);
  const distance = shortest(lengths, zeros);
  const done = shortest(lengths.map((length) => length - 1));
  const open = shortest(opens);
  return distance.bits <= done.bits + open.bits
    ? { coding: DISTANCES, parameter: distance.parameter, openParameter: 0 }
    : { coding: RUNS, parameter: done.parameter, openParameter: open.parameter };
}

/** The parameter that codes these values, and this number of zeros, in the fewest bits. Escapes make several minima possible. */
function shortest(values: readonly number[], zeros = 0) {
  const greatest = values.reduce((most, value) => Math.max(most, value), 0);
  let best = { parameter: 0, bits: Number.POSITIVE_INFINITY };
  // A greater parameter only makes every value longer.
  for (let parameter = 0; parameter <= MAX_PARAMETER && 2 ** parameter <= 2 * greatest + 1; parameter++) {
    let bits = zeros * bitsOf(0, parameter);
    for (const value of values) bits += bitsOf(value, parameter);
    if (bits < best.bits) best = { parameter, bits };
  }
  return best;
}

function checksumOf(log: string, base: number, bytes: Buffer): number {
  return crc32(bytes, crc32(`${log} ${base} `));
}
