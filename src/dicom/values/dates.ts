/**
 * DA and TM values (DICOM PS3.5, 6.2) in the form of the tables, null if there is none (docs/contract.md, "Dates and times"). Functions take the
 * element's bytes as a Latin-1 string. Leading spaces are significant in both VRs.
 */
import { isRealDate } from '../../records/calendar.ts';
import { firstValue, trimEnd, withoutNuls } from './padding.ts';

// An additional digit is ignored after a complete date only: '2024031' isn't a date.
const DATE = /^(\d{4})(?:\.(\d\d)\.(\d\d)\d?|(\d\d)(\d\d)\d?|(\d\d)?)$/;
const FRACTION = '(?:\\.(\\d{1,6}))?';
// Anything may follow the seconds, for instance a zone. A shorter time must end: '10.15.30' is not ten o'clock.
const TIME = new RegExp(`^(\\d\\d)(?::(\\d\\d):(\\d\\d)${FRACTION}|(\\d\\d)(\\d\\d)${FRACTION}|(?::?(\\d\\d))?$)`);

const POINT = 0x2e;
const ZERO = 0x30;

/** `YYYY-MM-DD` from the first value: `YYYYMMDD`, `YYYY.MM.DD`, `YYYYMM` or `YYYY`. */
export function parseDate(bytes: string): string | null {
  const digits = plainDigits(bytes) ?? dateDigits(bytes, false);
  return digits === null ? null : `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}`;
}

/** Eight digits from the first value: `YYYYMMDD` or `YYYY.MM.DD`. A date without month or day is null. */
export function parseWholeDate(bytes: string): string | null {
  return plainDigits(bytes) ?? dateDigits(bytes, true);
}

/** The usual form needs no regular expression, which costs several times as much. */
function plainDigits(bytes: string): string | undefined {
  return bytes.length === 8 && isRealDateNumber(digitsAt(bytes, 0, 8)) ? bytes : undefined;
}

function dateDigits(bytes: string, whole: boolean): string | null {
  const match = DATE.exec(trimEnd(firstValue(withoutNuls(bytes))));
  if (match === null) return null;
  const [, year = '', dottedMonth, dottedDay, month, day, monthAlone] = match;
  if (whole && dottedDay === undefined && day === undefined) return null;
  const digits = `${year}${dottedMonth ?? month ?? monthAlone ?? '01'}${dottedDay ?? day ?? '01'}`;
  return isRealDateNumber(Number(digits)) ? digits : null;
}

function isRealDateNumber(number: number): boolean {
  return number > 0 && isRealDate(Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100);
}

/** The number formed by the digits from `start` up to `end`, or -1 if a character isn't a digit. */
function digitsAt(text: string, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** `HH:MM:SS` or `HH:MM:SS.mmm` from `HH[MM[SS[.f]]]`, with or without colons. Digits beyond milliseconds are cut. */
export function parseTime(bytes: string): string | null {
  if (digitsAt(bytes, 0, 6) >= 0) {
    let end = 7;
    while (end < 10 && digitsAt(bytes, end, end + 1) >= 0) end++;
    const fraction = bytes.charCodeAt(6) === POINT ? bytes.slice(7, end) : '';
    return realTime(bytes.slice(0, 2), bytes.slice(2, 4), bytes.slice(4, 6), fraction);
  }
  const match = TIME.exec(trimEnd(firstValue(withoutNuls(bytes))));
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
