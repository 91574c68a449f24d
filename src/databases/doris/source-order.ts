/**
 * The sequence column of the state and image tables: one LARGEINT that orders rows by (source_time, source_trace_id). Doris accepts only
 * integers and times as a sequence column (Apache Doris, "Concurrency Control for Updates in the Primary Key Model").
 *
 * A whole trace id doesn't fit into 127 bits beside the time. The number holds the microseconds and as much of the trace id as fits: of a
 * UUID v7 its whole time stamp, its version and 12 more bits. It never contradicts `compareVersions`; two versions with the same number are
 * compared by `StoredVersions` before a load.
 */
import type { Version } from '../../records/version.ts';

/** Bytes that are expected at a position. Any other byte is a gap between them, and what follows it isn't compared. */
type Alphabet = readonly number[];

const HEX: Alphabet = [...Buffer.from('0123456789abcdef')];
const DASH: Alphabet = [...Buffer.from('-')];
const VERSION: Alphabet = [...Buffer.from('7')];

/** The first positions of a UUID v7 as text, in two halves: each fits into a double's 53 bits. */
const FIRST: readonly Alphabet[] = [...Array<Alphabet>(8).fill(HEX), DASH, HEX, HEX];
const SECOND: readonly Alphabet[] = [HEX, HEX, DASH, VERSION, HEX, HEX, HEX];

const FIRST_TABLES = FIRST.map(classesOf);
const SECOND_TABLES = SECOND.map(classesOf);
const SECOND_SPAN = BigInt(spanOf(SECOND_TABLES));
const SPAN = BigInt(spanOf(FIRST_TABLES)) * SECOND_SPAN;

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
    const expected = alphabet.includes(byte);
    if (byte > 0 && (expected || alphabet.includes(byte - 1))) current++;
    byByte[byte] = current;
  }
  return { count: current + 1, byByte, expected: new Set(alphabet) };
}

function spanOf(tables: readonly Classes[]): number {
  return tables.reduce((product, { count }) => product * count, 1);
}

/**
 * The number of a version, in decimal digits: `a` older than `b` by `compareVersions` means that the number of `a` is not greater. Less than
 * 2^127.
 */
export function sourceOrder(version: Version): string {
  const trace = Buffer.from(version.traceId);
  const first = codeOf(FIRST_TABLES, trace, 0);
  const second = first.ended ? { code: 0 } : codeOf(SECOND_TABLES, trace, FIRST.length);
  return (microseconds(version.time) * SPAN + BigInt(first.code) * SECOND_SPAN + BigInt(second.code)).toString();
}

function codeOf(tables: readonly Classes[], bytes: Buffer, start: number): { code: number; ended: boolean } {
  let code = 0;
  let ended = false;
  for (let position = 0; position < tables.length; position++) {
    const { count, byByte, expected } = tables[position] as Classes;
    // A shorter text is smaller than any byte that could follow.
    const byte = bytes[start + position];
    code = code * count + (ended || byte === undefined ? 0 : (byByte[byte] ?? 0));
    if (byte === undefined || !expected.has(byte)) ended = true;
  }
  return { code, ended };
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
