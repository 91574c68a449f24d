/**
 * Single values of DA, TM, IS and DS (DICOM PS3.5, 6.2) as the tables hold them, null where there is none (contract, "Rules"). All take the
 * element's bytes as a Latin-1 string.
 */
import { isRealDate } from '../records/calendar.ts';

const DATE = /^(\d{4})(?:\.(\d\d)\.(\d\d)|(?:(\d\d)(\d\d)?)?)/;
const TIME = /^(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?|(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)/;
const INTEGER = /^[\s\0]*([+-]?\d+)[\s\0]*$/;
const DECIMAL = /^[\s\0]*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)[\s\0]*$/;
const INT32_MAX = 0x7fffffff;

/** `YYYY-MM-DD` from `YYYYMMDD`, `YYYY.MM.DD`, `YYYYMM` or `YYYY`. */
export function parseDate(bytes: string): string | null {
  const match = DATE.exec(bytes);
  if (match === null) return null;
  const year = match[1] ?? '';
  const month = match[2] ?? match[4] ?? '01';
  const day = match[3] ?? match[5] ?? '01';
  return isRealDate(Number(year), Number(month), Number(day)) ? `${year}-${month}-${day}` : null;
}

/** `HH:MM:SS` or `HH:MM:SS.mmm` from `HH[MM[SS[.f]]]`, with or without colons. Digits past the millisecond are cut off. */
export function parseTime(bytes: string): string | null {
  const match = TIME.exec(bytes);
  if (match === null) return null;
  const hour = match[1] ?? '';
  const minute = match[2] ?? match[5] ?? '00';
  const second = match[3] ?? match[6] ?? '00';
  if (hour > '23' || minute > '59' || second > '59') return null;
  const milliseconds = `${match[4] ?? match[7] ?? ''}000`.slice(0, 3);
  return `${hour}:${minute}:${second}${milliseconds === '000' ? '' : `.${milliseconds}`}`;
}

/** IS: the first value, of 32 bits. */
export function parseInteger(bytes: string): number | null {
  const match = INTEGER.exec(firstValue(bytes));
  return match === null ? null : toInt32(Number(match[1]));
}

/** DS: the first value, finite. */
export function parseDecimal(bytes: string): number | null {
  const match = DECIMAL.exec(firstValue(bytes));
  return match === null ? null : toFinite(Number(match[1]));
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
