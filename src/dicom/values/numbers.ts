/**
 * IS and DS values (DICOM PS3.5, 6.2) as numbers, null where there is none (docs/contract.md, "Numbers"). Functions take the element's bytes as a
 * Latin-1 string.
 */
import { firstValue, withoutNuls } from './padding.ts';

const INTEGER = /^ *([+-]?\d+)(?:\.0+)? *$/;
const DECIMAL = /^ *([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?) *$/;
const INT32_MAX = 0x7fffffff;

const SPACE = 0x20;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const BACKSLASH = 0x5c;

/** IS: the first value, if it fits into 32 bits. A fraction of zeros is accepted. */
export function parseInteger(bytes: string): number | null {
  const plain = plainNumber(bytes, false);
  if (plain !== undefined) return toInt32(plain);
  const digits = INTEGER.exec(firstValue(withoutNuls(bytes)))?.[1];
  return digits === undefined ? null : toInt32(Number(digits));
}

/** DS: the first value, if it is finite. */
export function parseDecimal(bytes: string): number | null {
  const plain = plainNumber(bytes, true);
  if (plain !== undefined) return plain;
  const number = DECIMAL.exec(firstValue(withoutNuls(bytes)))?.[1];
  return number === undefined ? null : toFinite(Number(number));
}

// An integer below 2^53 and a power of ten up to 10^22 are exact, so their one division rounds correctly.
const MOST_DIGITS = 15;
const POWERS_OF_TEN = Float64Array.from({ length: MOST_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/**
 * The first value where it is written in the usual way: an optional sign, at most 15 digits, an optional point (`withPoint`), an optional
 * space at the end. Undefined for everything else, which the regular expressions decide.
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

/** The value if it is a 32-bit integer, else null. */
export function toInt32(value: number): number | null {
  return Number.isInteger(value) && value >= -INT32_MAX - 1 && value <= INT32_MAX ? value : null;
}

/** The value if it is finite, else null. */
export function toFinite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
