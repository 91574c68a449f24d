import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDate, parseTime } from '../../src/dicom/values/dates.ts';
import { parseDecimal, parseInteger } from '../../src/dicom/values/numbers.ts';

// The rules written as plainly as possible: the fast paths must agree with them.
const first = (text: string) => (text.replace(/^\0+/, '').split('\0')[0] ?? '').split('\\')[0] ?? '';
const INTEGER = /^ *([+-]?\d+)(\.0+)? *$/;
const DECIMAL = /^ *([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?) *$/;

function integer(text: string): number | null {
  const value = Number(INTEGER.exec(first(text))?.[1] ?? Number.NaN);
  return Number.isInteger(value) && Math.abs(value) <= 2 ** 31 && value !== 2 ** 31 ? value : null;
}

function decimal(text: string): number | null {
  const value = Number(DECIMAL.exec(first(text))?.[1] ?? Number.NaN);
  return Number.isFinite(value) ? value : null;
}

const written = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'0123456789+-. eE\\\0x:'), maxLength: 20 }),
  fc.double({ noNaN: true }).map(String),
  fc.tuple(fc.integer({ min: -(10 ** 15), max: 10 ** 15 }), fc.integer({ min: 0, max: 16 })).map(([number, point]) => {
    const digits = String(Math.abs(number)).padStart(point + 1, '0');
    return `${number < 0 ? '-' : ''}${digits.slice(0, digits.length - point)}.${digits.slice(digits.length - point)}`;
  }),
);

describe('however a number is written', () => {
  it('IS and DS are what the rules say, to the last bit', () => {
    fc.assert(
      fc.property(written, (text) => {
        expect(parseInteger(text)).toBe(integer(text));
        expect(parseDecimal(text)).toBe(decimal(text));
      }),
      { numRuns: 20_000 },
    );
  }, 60_000);

  it('DA and TM are a date and a time that exist, or null', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789.: '), maxLength: 16 });
    const day = /^(\d{4})-(\d\d)-(\d\d)$/;
    fc.assert(
      fc.property(digits, (text) => {
        const date = parseDate(text);
        if (date !== null) {
          expect(new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10)).toBe(date);
          expect(day.exec(date)?.[1]).toBe(text.slice(0, 4));
        }
        const time = parseTime(text);
        if (time !== null) {
          expect(time).toMatch(/^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{3})?$/);
          expect(time.replaceAll(/\D/g, '').startsWith(text.slice(0, 2))).toBe(true);
        }
      }),
      { numRuns: 20_000 },
    );
  }, 60_000);
});
