/**
 * Single values of DA, TM, IS and DS (DICOM PS3.5, 6.2) as the tables hold them, null where there is none (contract, "Rules"). All take the
 * element's bytes as a Latin-1 string.
 */
import { isRealDate } from '../records/calendar.ts';

const DATE = /^(\d{4})(?:\.(\d\d)\.(\d\d)|(?:(\d\d)(\d\d)?)?)/;
const TIME = /^(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?|(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)/;
const PLAIN_DATE = /^\d{8}$/;
const PLAIN_TIME = /^\d{6}$/;
const INTEGER = /^[\s\0]*[+-]?\d+[\s\0]*$/;
const DECIMAL = /^[\s\0]*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[\s\0]*$/;
const INT32_MAX = 0x7fffffff;

/** `YYYY-MM-DD` from `YYYYMMDD`, `YYYY.MM.DD`, `YYYYMM` or `YYYY`. */
export function parseDate(bytes: string): string | null {
  if (PLAIN_DATE.test(bytes)) return realDate(bytes.slice(0, 4), bytes.slice(4, 6), bytes.slice(6));
  const match = DATE.exec(bytes);
  return match === null ? null : realDate(match[1] ?? '', match[2] ?? match[4] ?? '01', match[3] ?? match[5] ?? '01');
}

function realDate(year: string, month: string, day: string): string | null {
  return isRealDate(Number(year), Number(month), Number(day)) ? `${year}-${month}-${day}` : null;
}

/** `HH:MM:SS` or `HH:MM:SS.mmm` from `HH[MM[SS[.f]]]`, with or without colons. Digits past the millisecond are cut off. */
export function parseTime(bytes: string): string | null {
  if (PLAIN_TIME.test(bytes)) return realTime(bytes.slice(0, 2), bytes.slice(2, 4), bytes.slice(4), '');
  const match = TIME.exec(bytes);
  if (match === null) return null;
  return realTime(
    match[1] ?? '',
    match[2] ?? match[5] ?? '00',
    match[3] ?? match[6] ?? '00',
    match[4] ?? match[7] ?? '',
  );
}

function realTime(hour: string, minute: string, second: string, fraction: string): string | null {
  if (hour > '23' || minute > '59' || second > '59') return null;
  const milliseconds = fraction === '' ? '000' : `${fraction}00`.slice(0, 3);
  return `${hour}:${minute}:${second}${milliseconds === '000' ? '' : `.${milliseconds}`}`;
}

/** IS: the first value, of 32 bits. */
export function parseInteger(bytes: string): number | null {
  const value = firstValue(bytes);
  return INTEGER.test(value) ? toInt32(numberOf(value)) : null;
}

/** DS: the first value, finite. */
export function parseDecimal(bytes: string): number | null {
  const value = firstValue(bytes);
  return DECIMAL.test(value) ? toFinite(numberOf(value)) : null;
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
export function trimEnd(text: string): string {
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
