/**
 * Rows as one parameter of the write statement: a `text[]` in PostgreSQL's binary format, each element a row's values as an array
 * literal (`{"a",1,null}`). The server parses them in two thirds of the time of JSON objects, which repeat every name in every row. For COPY,
 * the same values are the lines of a CSV file whose escape character is the backslash.
 */
import type { Row } from '../../records/records.ts';
import type { FixedValues } from '../json-values.ts';
import { RowValues, StatementBuffer } from '../row-values.ts';

const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

const NEWLINE = 0x0a;

const TEXT_OID = 25;
/** Number of dimensions, "has nulls", element type, and the length and lower bound of the only dimension. */
const HEAD_SIZE = 20;
const LENGTH_SIZE = 4;

/** Writes rows into memory that it reuses: the next call overwrites what the last one returned. */
export class RowArrayWriter {
  readonly #values: RowValues;
  readonly #buffer = new StatementBuffer();

  /** Values are written in the order of `fields`. A field that a row lacks is null; fields that are not listed are left out. */
  constructor(fields: readonly string[]) {
    this.#values = new RowValues(fields);
  }

  /** Returns the array of the rows. Throws a RowError. */
  write(rows: readonly Row[]): Buffer {
    const buffer = this.#buffer;
    buffer.clear();
    buffer.makeRoom(HEAD_SIZE);
    buffer.end = writeHead(buffer.bytes, rows.length);
    for (const row of rows) {
      buffer.makeRoom(LENGTH_SIZE + 1);
      const start = buffer.end + LENGTH_SIZE;
      buffer.bytes[start] = OPENING_BRACE;
      buffer.end = start + 1;
      this.#values.write(row, buffer);
      buffer.writeByte(CLOSING_BRACE);
      buffer.bytes.writeInt32BE(buffer.end - start, start - LENGTH_SIZE);
    }
    return buffer.written;
  }
}

/** Writes the head of a `text[]` in binary format (PostgreSQL, array_recv). An empty array has no dimension. */
function writeHead(bytes: Buffer, elements: number): number {
  bytes.writeInt32BE(elements === 0 ? 0 : 1, 0);
  bytes.writeInt32BE(0, 4);
  bytes.writeInt32BE(TEXT_OID, 8);
  if (elements === 0) return 12;
  bytes.writeInt32BE(elements, 12);
  bytes.writeInt32BE(1, 16);
  return HEAD_SIZE;
}

/** Writes rows as lines for COPY, into memory that it reuses: the next call overwrites what the last one returned. */
export class RowLinesWriter {
  readonly #values: RowValues;
  readonly #buffer = new StatementBuffer();

  /** As for RowArrayWriter. The value of a field in `fixed` is replaced by that text. */
  constructor(fields: readonly string[], fixed: FixedValues = {}) {
    this.#values = new RowValues(fields, fixed);
  }

  /** Returns the lines of the rows. None is `\.`, which ends a COPY: a backslash is always escaped. Throws a RowError. */
  write(rows: readonly Row[]): Buffer {
    const buffer = this.#buffer;
    buffer.clear();
    for (const row of rows) {
      this.#values.write(row, buffer);
      buffer.writeByte(NEWLINE);
    }
    return buffer.written;
  }
}
