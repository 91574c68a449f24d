/** Converts grouped records to the rows of one statement. */
import { newestPerKey } from '../records/newest-per-key.ts';
import type { GroupedRecord, Row } from '../records/records.ts';

/** The rows of one statement: per table, each key once, in key order. */
export interface StatementRows {
  readonly objects: readonly Row[];
  readonly states: readonly Row[];
  readonly images: readonly Row[];
}

/**
 * Reduces the rows of `records`, which may come from several batches, to the greatest version of each key (docs/contract.md,
 * "Which record wins"), and sorts them by key: concurrent statements then lock rows in the same order, which prevents deadlocks.
 */
export function coalesceRows(records: readonly GroupedRecord[]): StatementRows {
  return {
    objects: newestInOrder(records.map((record) => record.object)),
    states: newestInOrder(records.map((record) => record.state)),
    images: newestInOrder(records.map((record) => record.image)),
  };
}

/** The size of a record's rows in a statement, in bytes of UTF-8. */
export function recordBytes(record: GroupedRecord): number {
  return rowBytes(record.object) + rowBytes(record.state) + rowBytes(record.image);
}

// The length of an array element, its braces, and a null for each field that the row lacks.
const AROUND_A_ROW = 128;

function rowBytes(row: Row | null): number {
  return row === null ? 0 : row.json.length + AROUND_A_ROW;
}

function newestInOrder(rows: readonly (Row | null)[]): readonly Row[] {
  return [...newestPerKey(rows).values()].sort((a, b) => (a.identity < b.identity ? -1 : 1));
}
