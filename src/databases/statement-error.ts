import { SinkError, type SinkErrorCode, type SinkErrorOptions } from '../errors.ts';
import type { GroupedRecord } from '../records/records.ts';

/** The three tables, by the field of a grouped record that holds their row. */
export type TableKind = 'object' | 'state' | 'image';

/** All tables. */
export const TABLE_KINDS: readonly TableKind[] = ['object', 'state', 'image'];

/** Whether a record has a row for a table. */
export function hasRow(record: GroupedRecord, kind: TableKind): boolean {
  return record[kind] !== null;
}

/** Whether a record has a row for every table. */
export function hasAllRows(record: GroupedRecord): boolean {
  return TABLE_KINDS.every((kind) => hasRow(record, kind));
}

/** Context of a StatementError. */
export interface StatementErrorOptions extends SinkErrorOptions {
  /** The table that the server named. */
  readonly table?: TableKind | undefined;
  /** Table, column or constraint by the server's identifiers, e.g. `dicom_state_meta.ward`. Never a value. */
  readonly place?: string | undefined;
  /**
   * What was violated. `value`: the value itself is invalid. `rule`: a rule of the table, which may refuse every row. `table`: the table needs
   * a value in a column that the service never fills, which is no record's fault [rule].
   */
  readonly about?: 'value' | 'rule' | 'table';
  /** Whether the size of the statement may be the cause, so that a smaller one may succeed [false]. */
  readonly tooLarge?: boolean;
}

/** A statement that the server answered with an error. */
export class StatementError extends SinkError {
  readonly table: TableKind | undefined;
  readonly place: string | undefined;
  readonly about: 'value' | 'rule' | 'table';
  readonly tooLarge: boolean;

  constructor(sink: string, code: SinkErrorCode, detail: string, options: StatementErrorOptions = {}) {
    const { table, place, about = 'rule', tooLarge = false, ...rest } = options;
    super(sink, code, detail, rest);
    this.table = table;
    this.place = place;
    this.about = about;
    this.tooLarge = tooLarge;
  }

  /** The code and place, by which refusals are compared. */
  get reason(): string {
    return this.place === undefined ? this.detail : `${this.detail} ${this.place}`;
  }
}

/** Whether the server answered with an error that a smaller or a later statement may not have. */
export function isDivisible(error: unknown): error is StatementError {
  return error instanceof StatementError && DIVISIBLE.has(error.code);
}

const DIVISIBLE: ReadonlySet<SinkErrorCode> = new Set(['rejected', 'timeout', 'conflict']);

/** The error of a refused record. Where the database says nothing about the cause, the value is at fault. */
export function asStatementError(error: SinkError): StatementError {
  if (error instanceof StatementError) return error;
  return new StatementError(error.sink, error.code, error.detail, { about: 'value' });
}
