/** Rows as lists of values (`"a",1,null`), written into memory that is reused by every statement. */
import type { Row } from '../records/records.ts';
import { type FixedValues, JsonValues } from './json-values.ts';

const FIRST_SIZE = 64 << 10;
/** The most bytes of UTF-8 for one UTF-16 unit. */
const MOST_BYTES_A_UNIT = 3;

/** A row that can't be written. `code` is the reason; the message holds nothing else. */
export class RowError extends Error {
  override readonly name = 'RowError';
  readonly code: 'not_an_object' | 'not_well_formed';

  constructor(code: RowError['code']) {
    super(code);
    this.code = code;
  }
}

/** Memory that grows and is reused: what `written` returns is overwritten after the next `clear`. */
export class StatementBuffer {
  bytes = Buffer.allocUnsafeSlow(FIRST_SIZE);
  view = new DataView(this.bytes.buffer);
  end = 0;

  get written(): Buffer {
    return this.bytes.subarray(0, this.end);
  }

  clear(): void {
    this.end = 0;
  }

  writeByte(byte: number): void {
    this.makeRoom(1);
    this.bytes[this.end++] = byte;
  }

  writeBytes(bytes: Buffer): void {
    this.makeRoom(bytes.length);
    bytes.copy(this.bytes, this.end);
    this.end += bytes.length;
  }

  writeText(text: string): void {
    this.makeRoom(text.length * MOST_BYTES_A_UNIT);
    this.end += this.bytes.write(text, this.end);
  }

  /** Makes room for `more` bytes after the end. */
  makeRoom(more: number): void {
    const needed = this.end + more;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, needed));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}

/** Writes the values of rows with these fields. */
export class RowValues {
  readonly #fields: readonly string[];
  readonly #fixed: FixedValues;
  readonly #values: JsonValues;

  /**
   * Values are written in the order of `fields`. A field that a row lacks is null; fields that are not listed are left out. The value of a
   * field in `fixed` is replaced by that text.
   */
  constructor(fields: readonly string[], fixed: FixedValues = {}) {
    this.#fields = fields;
    this.#fixed = fixed;
    this.#values = new JsonValues(fields, fixed);
  }

  /** Writes the values of one row, separated by commas. Throws a RowError. */
  write({ json }: Row, into: StatementBuffer): void {
    into.makeRoom(json.length + this.#values.room);
    const end = this.#values.copy(json, into.view, into.end);
    if (end < 0) into.writeText(this.#valuesOf(json));
    else into.end = end;
  }

  /** The values of any JSON object. */
  #valuesOf(json: Buffer): string {
    const row = parsed(json);
    return this.#fields.map((field) => this.#fixed[field] ?? element(row[field])).join(',');
  }
}

function parsed(json: Buffer): Readonly<Record<string, unknown>> {
  let row: unknown;
  try {
    row = JSON.parse(String(json));
  } catch {
    // The parser's message quotes its input.
  }
  if (typeof row !== 'object' || row === null) throw new RowError('not_an_object');
  return row as Readonly<Record<string, unknown>>;
}

function element(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'object' && value !== null) return quoted(JSON.stringify(value));
  return String(value ?? null);
}

const NOT_PLAIN = /[^ !#-[\]-~]/;

function quoted(text: string): string {
  if (!NOT_PLAIN.test(text)) return `"${text}"`;
  // A lone surrogate has no UTF-8 form: the table would hold another text than the topic.
  if (!text.isWellFormed()) throw new RowError('not_well_formed');
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
