/**
 * Single values of DA, TM, IS and DS (DICOM PS3.5, 6.2) as the tables hold them, null where there is none (contract, "Rules"). All take the
 * element's bytes as a Latin-1 string.
 */
import { isRealDate } from '../../records/calendar.ts';

// Behind a whole date and behind seconds anything may stand: another value, a range, a zone. What is shorter must end there, but for a digit
// too many: else `2024-03-15` would be the first of January, and `10.15.30` ten o'clock.
const END = '\\d?[\\s\\0]*(?:\\\\|$)';
const DATE = new RegExp(`^(\\d{4})(?:\\.(\\d\\d)\\.(\\d\\d)|(\\d\\d)(\\d\\d)|(\\d\\d)?${END})`);
const FRACTION = '(?:\\.(\\d{1,6}))?';
const TIME = new RegExp(`^(\\d\\d)(?::(\\d\\d):(\\d\\d)${FRACTION}|(\\d\\d)(\\d\\d)${FRACTION}|(?::?(\\d\\d))?${END})`);
const INTEGER = /^[\s\0]*[+-]?\d+[\s\0]*$/;
const DECIMAL = /^[\s\0]*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[\s\0]*$/;
const INT32_MAX = 0x7fffffff;

const SPACE = 0x20;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const BACKSLASH = 0x5c;

/** `YYYY-MM-DD` from `YYYYMMDD`, `YYYY.MM.DD`, `YYYYMM` or `YYYY`. */
export function parseDate(bytes: string): string | null {
  if (bytes.length === 8) {
    const number = digitsAt(bytes, 0, 8);
    if (number >= 0) {
      if (!isRealDateNumber(number)) return null;
      return `${bytes.slice(0, 4)}-${bytes.slice(4, 6)}-${bytes.slice(6)}`;
    }
  }
  const match = DATE.exec(bytes);
  if (match === null) return null;
  const [, year = '', monthOfDots, dayOfDots, month, day, monthAlone] = match;
  return realDate(year, monthOfDots ?? month ?? monthAlone ?? '01', dayOfDots ?? day ?? '01');
}

/** Whether this is a day that exists, written as eight digits. */
export function isPlainDate(text: string): boolean {
  return text.length === 8 && isRealDateNumber(digitsAt(text, 0, 8));
}

function isRealDateNumber(number: number): boolean {
  return isRealDate(Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100);
}

/** The number that the characters from `start` up to `end` write with digits alone, or -1. A regular expression costs several times as much. */
function digitsAt(text: string, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}

function realDate(year: string, month: string, day: string): string | null {
  return isRealDate(Number(year), Number(month), Number(day)) ? `${year}-${month}-${day}` : null;
}

/** `HH:MM:SS` or `HH:MM:SS.mmm` from `HH[MM[SS[.f]]]`, with or without colons. Digits past the millisecond are cut off. */
export function parseTime(bytes: string): string | null {
  if (digitsAt(bytes, 0, 6) >= 0) {
    let end = 7;
    while (end < 10 && digitsAt(bytes, end, end + 1) >= 0) end++;
    const fraction = bytes.charCodeAt(6) === POINT ? bytes.slice(7, end) : '';
    return realTime(bytes.slice(0, 2), bytes.slice(2, 4), bytes.slice(4, 6), fraction);
  }
  const match = TIME.exec(bytes);
  if (match === null) return null;
  const [, hour = '', minute, second, fraction, plainMinute, plainSecond, plainFraction, minuteAlone] = match;
  return realTime(
    hour,
    minute ?? plainMinute ?? minuteAlone ?? '00',
    second ?? plainSecond ?? '00',
    fraction ?? plainFraction ?? '',
  );
}

function realTime(hour: string, minute: string, second: string, fraction: string): string | null {
  if (hour > '23' || minute > '59' || second > '59') return null;
  const milliseconds = fraction === '' ? '000' : `${fraction}00`.slice(0, 3);
  return `${hour}:${minute}:${second}${milliseconds === '000' ? '' : `.${milliseconds}`}`;
}

/** IS: the first value, of 32 bits. */
export function parseInteger(bytes: string): number | null {
  const plain = plainNumber(bytes, false);
  if (plain !== undefined) return toInt32(plain);
  const value = firstValue(bytes);
  return INTEGER.test(value) ? toInt32(numberOf(value)) : null;
}

/** DS: the first value, finite. */
export function parseDecimal(bytes: string): number | null {
  const plain = plainNumber(bytes, true);
  if (plain !== undefined) return plain;
  const value = firstValue(bytes);
  return DECIMAL.test(value) ? toFinite(numberOf(value)) : null;
}

// An integer below 2^53 and a power of ten up to 10^22 are exact, and so is then the rounding of their one division.
const MOST_DIGITS = 15;
const POWERS_OF_TEN = Float64Array.from({ length: MOST_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/**
 * The first value where it is written in the usual way: a sign or none, at most 15 digits, a point or none
 * (`withPoint`), a space at the end or none. Else
 * undefined: then the regular expressions say what it is.
 */
function plainNumber(bytes: string, withPoint: boolean): number | undefined {
  const { length } = bytes;
  let at = 0;
  let code = bytes.charCodeAt(0);
  const negative = code === MINUS;
  if (negative || code === PLUS) at++;
  let number = 0;
  let digits = 0;
  let pointAt = -1;
  for (; at < length; at++) {
    code = bytes.charCodeAt(at);
    const digit = code - ZERO;
    if (digit >= 0 && digit <= 9) {
      number = number * 10 + digit;
      digits++;
    } else if (withPoint && code === POINT && pointAt < 0) pointAt = digits;
    else break;
  }
  if (digits === 0 || digits > MOST_DIGITS) return undefined;
  if (at < length && code !== BACKSLASH && !(code === SPACE && at === length - 1)) return undefined;
  if (pointAt >= 0) number /= POWERS_OF_TEN[digits - pointAt] ?? 1;
  return negative ? -number : number;
}

// White space around a number is no matter, NULs are.
function numberOf(value: string): number {
  return Number(value.includes('\0') ? value.replaceAll('\0', ' ') : value);
}

export function toInt32(value: number): number | null {
  return Number.isInteger(value) && value >= -INT32_MAX - 1 && value <= INT32_MAX ? value : null;
}

export function toFinite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function firstValue(bytes: string): string {
  const end = bytes.indexOf('\\');
  return end < 0 ? bytes : bytes.slice(0, end);
}

/** Trailing spaces and NULs of every value are padding; NULs inside are removed, since databases refuse them. Leading spaces stay. */
export function trimValues(text: string): string {
  const trimmed = trimEnd(text);
  if (!trimmed.includes('\0') && !trimmed.includes(' \\')) return trimmed;
  return trimmed.replaceAll('\0', '').split('\\').map(trimEnd).join('\\');
}

/** Without the spaces and NULs at the end. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isPadding(text.charCodeAt(end - 1))) end--;
  return end === text.length ? text : text.slice(0, end);
}

function isPadding(code: number): boolean {
  return code === 0x20 || code === 0;
}

/** At most `max` characters; a character is a Unicode code point, as varchar counts. */
export function cutCharacters(text: string, max: number): string {
  if (text.length <= max) return text;
  let end = 0;
  for (let count = 0; count < max && end < text.length; count++) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  return end >= text.length ? text : text.slice(0, end);
}
