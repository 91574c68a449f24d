/**
 * The statement that stores rows in all three tables. It is generated from the drizzle schema, so that columns are defined in one place.
 * Its parameters are three text arrays; each element is the array literal of a row's values, in the order of the output record's fields.
 */
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { getTableConfig } from 'drizzle-orm/pg-core';
import { DICOM_STORE_META_FIELDS } from '../../records/dicom-store-meta.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../records/output-fields.ts';
import { dicomImageMeta, dicomObjectMeta, dicomStateMeta } from './schema.ts';

/** One table of the write statement. */
export interface WrittenTable {
  readonly name: string;
  /** The columns that the statement fills, in the schema's order. */
  readonly columns: readonly WrittenColumn[];
  /** The names of the values in a row's array literal, in order. */
  readonly values: readonly string[];
  /** The columns of the primary key. */
  readonly key: readonly string[];
}

/** A column that the statement fills. */
export interface WrittenColumn {
  readonly name: string;
  /** PostgreSQL's name of the type, with its length: `varchar(64)`. */
  readonly type: string;
}

// A column of another service, which is never written here.
const NOT_OURS = new Set(['pregnancy_status']);

// Another service fills this column, so a record without a value keeps the stored one (docs/contract.md, "Tables").
const KEPT_WHERE_NULL = new Set(['series_related_instances']);

/** The three tables, in the order of the statement's parameters: objects, states, images. */
export const WRITTEN_TABLES = [
  writtenTable(dicomObjectMeta, DICOM_STORE_META_FIELDS),
  writtenTable(dicomStateMeta, STATE_META_FIELDS),
  writtenTable(dicomImageMeta, IMAGE_META_FIELDS),
] as const satisfies readonly WrittenTable[];

/**
 * The text of the write statement. `$1`, `$2` and `$3` are the object, state and image rows. Each key occurs at most once per array
 * (PostgreSQL refuses to change a row twice in one statement, 21000). Rows are in key order, so that statements lock in the same order.
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
    // `offset 0` prevents the planner from parsing the literal once per column.
    `from (select literal::text[] as value from unnest(${parameter}::text[]) as literal offset 0) as r`,
    `on conflict (${table.key.map(quote).join(', ')}) do update set`,
    changed.map(({ name }) => `${quote(name)} = ${newValue(name)}`).join(', '),
    `where ${isNewerRow(table)}`,
  ].join('\n');
}

// The database's clock at the time of the write, so that a service that polls updated_time also sees rows stored after an outage.
function isClock(column: WrittenColumn): boolean {
  return column.name === 'updated_time';
}

// In states and images, created_time is set when the row is inserted. In objects it is the version, and is updated.
function isSetOnce(table: WrittenTable, column: WrittenColumn): boolean {
  return column.name === 'created_time' && hasVersion(table);
}

function hasVersion(table: WrittenTable): boolean {
  return table.columns.some((column) => column.name === 'source_time');
}

// Text isn't cast, so that its length is checked only once, by the column.
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
