/**
 * The sequence column of the state and image tables: one LARGEINT that orders rows by (source_time, source_trace_id). Doris accepts only
 * integers and times as a sequence column (Apache Doris, "Concurrency Control for Updates in the Primary Key Model").
 *
 * A whole trace id doesn't fit into 127 bits beside the time. The number holds the microseconds and as much of the trace id as fits: of a
 * UUID v7 its whole time stamp, its version and 12 more bits, of a text of another form at least eight bytes. It never contradicts
 * `compareVersions`; two versions with the same number are compared by `withoutStored` before a load.
 */
import type { Version } from '../../records/version.ts';

/** Bytes that are expected at a position. What follows any other byte is compared as far as the number's room allows. */
type Alphabet = readonly number[];

const HEX: Alphabet = [...Buffer.from('0123456789abcdef')];
const DASH: Alphabet = [...Buffer.from('-')];
const VERSION: Alphabet = [...Buffer.from('7')];

/** The first positions of a UUID v7 as text. */
const POSITIONS: readonly Classes[] = [
  ...Array<Alphabet>(8).fill(HEX),
  DASH,
  ...Array<Alphabet>(4).fill(HEX),
  DASH,
  VERSION,
  ...Array<Alphabet>(3).fill(HEX),
].map(classesOf);

/** For each position the number of values that the positions from there on can have; one more for the end. */
const SPANS: readonly bigint[] = POSITIONS.map((_, at) =>
  POSITIONS.slice(at).reduce((product, { count }) => product * BigInt(count), 1n),
).concat(1n);
const SPAN = SPANS[0] ?? 1n;

/** Positions whose values fit into 53 bits together. Numbers are faster than bigints. */
const FAST = 11;
const RAW_BYTES = 8;

/** For each byte its class: bytes in order have classes in order, and every expected byte has a class of its own. */
interface Classes {
  readonly count: number;
  readonly byByte: Uint8Array;
  readonly expected: ReadonlySet<number>;
}

function classesOf(alphabet: Alphabet): Classes {
  const byByte = new Uint8Array(256);
  let current = 0;
  for (let byte = 0; byte < byByte.length; byte++) {
    if (byte > 0 && (alphabet.includes(byte) || alphabet.includes(byte - 1))) current++;
    byByte[byte] = current;
  }
  return { count: current + 1, byByte, expected: new Set(alphabet) };
}

/**
 * The number of a version, in decimal digits: `a` older than `b` by `compareVersions` means that the number of `a` is not greater. Less than
 * 2^127.
 */
export function sourceOrder({ time, traceId }: Version): string {
  return (microseconds(time) * SPAN + codeOf(Buffer.from(traceId))).toString();
}

/** The beginning of a trace id as a number below `SPAN`. */
function codeOf(trace: Buffer): bigint {
  let high = 0n;
  let low = 0;
  for (let at = 0; at < POSITIONS.length; at++) {
    const { count, byByte, expected } = POSITIONS[at] as Classes;
    const byte = trace[at];
    if (at === FAST) {
      high = BigInt(low);
      low = 0;
    }
    // A shorter text is smaller than any byte that could follow.
    low = low * count + (byte === undefined ? 0 : (byByte[byte] ?? 0));
    if (byte === undefined || !expected.has(byte)) return joined(high, low, at) + rawCode(trace, at);
  }
  return joined(high, low, POSITIONS.length - 1);
}

/** The classes up to position `at` as a number below `SPAN`: `low` has those from `FAST` on, or all of them. */
function joined(high: bigint, low: number, at: number): bigint {
  const rest = SPANS[at + 1] ?? 1n;
  if (at < FAST) return BigInt(low) * rest;
  return high * (SPANS[FAST] ?? 1n) + BigInt(low) * rest;
}

/** The bytes from the first unexpected one on, scaled to the room of the positions behind it. */
function rawCode(trace: Buffer, at: number): bigint {
  const bytes = Buffer.alloc(RAW_BYTES);
  trace.copy(bytes, 0, at, at + RAW_BYTES);
  return (bytes.readBigUInt64BE() * (SPANS[at + 1] ?? 1n)) >> BigInt(8 * RAW_BYTES);
}

/** Microseconds since 0000-03-01 of `YYYY-MM-DDTHH:MM:SS.ffffff`, by the proleptic Gregorian calendar. Text order is their order. */
function microseconds(time: string): bigint {
  const number = (from: number, to: number) => Number(time.slice(from, to));
  const month = number(5, 7);
  const year = number(0, 4) - (month <= 2 ? 1 : 0);
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + number(8, 10) - 1;
  const days = year * 365 + Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400) + dayOfYear;
  const seconds = days * 86_400 + number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19);
  return BigInt(seconds) * 1_000_000n + BigInt(number(20, 26));
}
