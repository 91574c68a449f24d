/** Doris's column types: what a value from JSON becomes in a column, as the documentation of Stream Load and of the types describes it. */
import { isRealDate } from '../../../src/records/calendar.ts';

export interface Column {
  readonly name: string;
  /** In lower case: `varchar(256)`. */
  readonly type: string;
  readonly nullable: boolean;
  /** `CURRENT_TIMESTAMP(6)` or a literal; undefined without a default. */
  readonly otherwise: string | undefined;
}

/** As the MySQL port shows it: text, or null. */
export type Stored = string | null;

/** A value that a column can't hold, with Doris's text for the error log. */
export class BadValue extends Error {}

const INTEGERS: Readonly<Record<string, bigint>> = { int: 31n, bigint: 63n, largeint: 127n };

/** What `given` becomes in `column`. Throws a BadValue. */
export function storedValue(column: Column, given: unknown): Stored {
  if (given === null || given === undefined) return null;
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  const [, base = '', size = '0'] = /^(\w+)(?:\((\d+)\))?/.exec(column.type) ?? [];
  switch (base) {
    case 'varchar': {
      const bytes = Buffer.byteLength(text);
      if (bytes <= Number(size)) return text;
      throw new BadValue(
        `column_name[${column.name}], the length of input is too long than schema. first 32 bytes of input str: ` +
          `[${text.slice(0, 32)}] schema length: ${size}; actual length: ${bytes}; `,
      );
    }
    case 'double':
      if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))) return String(Number(text));
      break;
    case 'date': {
      const day = dayOf(text);
      if (day !== undefined && text.length === 10) return day;
      break;
    }
    case 'datetime': {
      const [, time, fraction = ''] = /^.{10}[T ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,6}))?$/.exec(text) ?? [];
      const day = dayOf(text);
      if (day !== undefined && time !== undefined) return `${day} ${time}.${fraction.padEnd(6, '0')}`;
      break;
    }
    default: {
      const bits = INTEGERS[base];
      if (bits === undefined) throw new Error(`the double knows no type ${column.type}`);
      if (/^-?\d+$/.test(text) && BigInt(text) < 2n ** bits && BigInt(text) >= -(2n ** bits))
        return String(BigInt(text));
    }
  }
  throw new BadValue(`column_name[${column.name}], parse failed: the value can't be converted to ${column.type}; `);
}

function dayOf(text: string): string | undefined {
  const [day, year, month, date] = /^(\d{4})-(\d\d)-(\d\d)/.exec(text) ?? [];
  return day !== undefined && isRealDate(Number(year), Number(month), Number(date)) ? day : undefined;
}

/** The default of a column for a new row. */
export function defaultOf(column: Column, timezone: string): Stored {
  if (column.otherwise === undefined) return null;
  return /^current_timestamp/i.test(column.otherwise) ? clock(timezone) : column.otherwise;
}

function clock(timezone: string): string {
  const options = { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium', hourCycle: 'h23' } as const;
  const now = new Date();
  const text = new Intl.DateTimeFormat('sv-SE', options).format(now);
  return `${text}.${String(now.getMilliseconds()).padStart(3, '0')}000`;
}

/** Compares two values of a sequence column: numbers as numbers, times as text. Null is smaller than any. */
export function compareSequence(a: Stored, b: Stored): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (/^-?\d+$/.test(a) && /^-?\d+$/.test(b)) {
    const difference = BigInt(a) - BigInt(b);
    return difference === 0n ? 0 : difference > 0n ? 1 : -1;
  }
  return a === b ? 0 : a > b ? 1 : -1;
}
