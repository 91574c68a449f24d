/**
 * The one statement that stores a group of rows in all three tables. It is made from the drizzle schema, so a column exists in one
 * place. Rows arrive as three arrays of texts, each the array literal of a row's values in the order of the output record's fields.
 */
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { getTableConfig } from 'drizzle-orm/pg-core';
import { DICOM_STORE_META_FIELDS } from '../../records/dicom-store-meta.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../records/output-fields.ts';
import { dicomImageMeta, dicomObjectMeta, dicomStateMeta } from './schema.ts';

/** One table as the write statement sees it. */
export interface WrittenTable {
  readonly name: string;
  /** The columns that the statement fills, in the schema's order. */
  readonly columns: readonly WrittenColumn[];
  /** The values of a row's text, by their columns' names. */
  readonly values: readonly string[];
  readonly key: readonly string[];
}

export interface WrittenColumn {
  readonly name: string;
  /** PostgreSQL's name of the type, with its length: `varchar(64)`. */
  readonly type: string;
}

// Another service's column: never written here.
const NOT_OURS = new Set(['pregnancy_status']);

// Another service counts and fills this one: a record without a value keeps the row's (docs/contract.md, "Tables").
const KEPT_WHERE_NULL = new Set(['series_related_instances']);

/** The three tables, in the order of the statement's parameters: objects, states, images. */
export const WRITTEN_TABLES = [
  writtenTable(dicomObjectMeta, DICOM_STORE_META_FIELDS),
  writtenTable(dicomStateMeta, STATE_META_FIELDS),
  writtenTable(dicomImageMeta, IMAGE_META_FIELDS),
] as const satisfies readonly WrittenTable[];

/**
 * Text of the write statement. `$1`, `$2`, `$3`: the texts of the object, state and image rows, each key at most once in its array
 * (PostgreSQL refuses to change a row twice in one statement, 21000) and in key order (two statements then lock in the same order).
 */
export const POSTGRES_WRITE_STATEMENT = writeStatement(WRITTEN_TABLES);

function writtenTable(table: PgTable, values: readonly string[]): WrittenTable {
  const { name, columns, primaryKeys } = getTableConfig(table);
  return {
    name,
    columns: columns
      .filter((column) => !NOT_OURS.has(column.name))
      .map((column: PgColumn) => ({ name: column.name, type: column.getSQLType() })),
    values,
    key: primaryKeys.flatMap((primaryKey) => primaryKey.columns.map((column) => column.name)),
  };
}

function writeStatement(tables: readonly WrittenTable[]): string {
  const parts = tables.map((table, position) => `w${position} as (\n${upsert(table, `$${position + 1}`)}\n)`);
  return `with ${parts.join(',\n')}\nselect`;
}

function upsert(table: WrittenTable, parameter: string): string {
  const names = table.columns.map((column) => quote(column.name));
  const values = table.columns.map((column) =>
    isClock(column) ? 'clock_timestamp()::timestamp' : valueSql(table, column),
  );
  const changed = table.columns.filter((column) => !table.key.includes(column.name) && !isSetOnce(table, column));
  return [
    `insert into ${quote(table.name)} as t (${names.join(', ')})`,
    `select ${values.join(', ')}`,
    // `offset 0` keeps the planner from parsing the literal once for each use of it.
    `from (select literal::text[] as value from unnest(${parameter}::text[]) as literal offset 0) as r`,
    `on conflict (${table.key.map(quote).join(', ')}) do update set`,
    changed.map(({ name }) => `${quote(name)} = ${newValue(name)}`).join(', '),
    `where ${isNewerRow(table)}`,
  ].join('\n');
}

// The database's clock when the row is written: a service that polls updated_time also sees rows stored after an outage.
function isClock(column: WrittenColumn): boolean {
  return column.name === 'updated_time';
}

// A state's or image's created_time is when its row was inserted. An object's is its version and moves with it.
function isSetOnce(table: WrittenTable, column: WrittenColumn): boolean {
  return column.name === 'created_time' && hasVersion(table);
}

function hasVersion(table: WrittenTable): boolean {
  return table.columns.some((column) => column.name === 'source_time');
}

// Text stays text, so that its length is checked once, on the way into the column.
function valueSql(table: WrittenTable, column: WrittenColumn): string {
  const value = `r.value[${table.values.indexOf(column.name) + 1}]`;
  return column.type.startsWith('varchar') ? value : `${value}::${column.type}`;
}

// The same comparison as compareVersions. Strictly newer: a replay changes nothing. "C" compares bytes, whatever the database's
// collation. A row without a version, written by upstream, is older than any.
function isNewerRow(table: WrittenTable): string {
  if (!hasVersion(table)) return 't.created_time < excluded.created_time';
  return (
    `t.source_time is null or (t.source_time, coalesce(t.source_trace_id, '') collate "C")` +
    ` < (excluded.source_time, excluded.source_trace_id collate "C")`
  );
}

function newValue(name: string): string {
  const value = `excluded.${quote(name)}`;
  return KEPT_WHERE_NULL.has(name) ? `coalesce(${value}, t.${quote(name)})` : value;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
