/** Rows as the sink contract compares them, and short ways to write and select them. */
import { deepEqual } from 'node:assert/strict';
import type { Sink } from '../../ports.ts';
import { batchOf, type FileFacts } from '../sink-contract-batches.ts';

/** The three tables. */
export type TableName = 'object' | 'state' | 'image';

/** A row by the wire's names. Dates, times and timestamps are text; null is null. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** Reads all rows of a table, in any order. */
export type ReadRows = (table: TableName) => Promise<readonly StoredRow[]>;

/**
 * The row in one form for every database: times without zeros at the end of their fraction and with `T` before the time, numbers as
 * numbers, zero without a sign.
 */
export function canonical(row: StoredRow): StoredRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, canonicalValue(name, value)]));
}

function canonicalValue(name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value === 0) return 0;
  if (typeof value !== 'string' || !name.endsWith('_time')) return value ?? null;
  return value
    .replace(' ', 'T')
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}

/** Writes one batch, of which the sink may refuse nothing. */
export async function write(sink: Sink, files: readonly FileFacts[]): Promise<void> {
  deepEqual(await sink.write(batchOf(files)), []);
}

/** All rows of the three tables, for a comparison of two states. */
export async function everything(rows: ReadRows): Promise<readonly string[]> {
  const tables = await Promise.all((['object', 'state', 'image'] as const).map(rows));
  return tables
    .flat()
    .map((row) => JSON.stringify(row))
    .sort();
}

export function pick(row: StoredRow | undefined, ...names: readonly string[]): readonly unknown[] {
  return names.map((name) => row?.[name]);
}

/** The values of these columns in each row, sorted. */
export function column(rows: readonly StoredRow[], ...names: readonly string[]): readonly string[] {
  return rows.map((row) => names.map((name) => String(row[name])).join(' ')).sort();
}

export function range(length: number): readonly number[] {
  return Array.from({ length }, (_, n) => n);
}

/** A trace id, 36 characters, that sorts by `n`. */
export function trace(n: number): string {
  return `0199e6ae-8148-7e73-8d6c-${String(n).padStart(12, '0')}`;
}
