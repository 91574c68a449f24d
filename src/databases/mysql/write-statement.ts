/**
 * The statements that store rows: one INSERT … ON DUPLICATE KEY UPDATE per table. They are generated from the drizzle schema, so that
 * columns are defined in one place. A row is written as `(value, …)`, in the order of the output record's fields.
 */
import { getTableConfig, type MySqlTable } from 'drizzle-orm/mysql-core';
import type { TableKind } from '../statement-error.ts';
import { hasVersion, isClock, isForeignColumn, isKeptWhereNull, isSetOnce, ROW_FIELDS } from '../table-rules.ts';
import { dicomImageMeta, dicomObjectMeta, dicomStateMeta } from './schema.ts';

/** MariaDB knows no row alias, and MySQL has deprecated VALUES(). */
export type Dialect = 'mysql' | 'mariadb';

/** A table that the service writes. */
export interface WrittenTable {
  readonly kind: TableKind;
  readonly name: string;
  /** The columns that the statement fills, in the schema's order. */
  readonly columns: readonly WrittenColumn[];
  /** The names of a row's values, in order. */
  readonly values: readonly string[];
  /** The columns of the primary key. */
  readonly key: readonly string[];
}

/** A column that the statement fills. */
export interface WrittenColumn {
  readonly name: string;
  /** MySQL's name of the type, with its length: `varchar(64)`. */
  readonly type: string;
}

/** The parts of an INSERT, before and after its rows. */
export interface InsertParts {
  readonly head: string;
  readonly tail: string;
}

/** The three tables in the order in which they are written: objects, states, images. */
export const WRITTEN_TABLES: readonly WrittenTable[] = [
  writtenTable('object', dicomObjectMeta),
  writtenTable('state', dicomStateMeta),
  writtenTable('image', dicomImageMeta),
];

/** What a row's JSON does not decide: the time of the write, by the database's clock. */
export const FIXED_VALUES: Readonly<Record<string, string>> = { updated_time: 'current_timestamp(6)' };

/**
 * The INSERT into a table. A key may occur more than once, but only the greatest version counts. Rows should be in key order, so that
 * concurrent statements lock in the same order.
 */
export function insertInto(table: WrittenTable, dialect: Dialect): InsertParts {
  const assignments = changedColumns(table).map((name) => {
    const value = newValue(table, name, dialect);
    return `${quote(name)}=if(${isNewer(table, dialect)},${value},${stored(table, name)})`;
  });
  return {
    head: `insert into ${quote(table.name)} (${table.values.map(quote).join(',')}) values `,
    tail: `${dialect === 'mysql' ? ' as n' : ''} on duplicate key update ${assignments.join(',')}`,
  };
}

function writtenTable(kind: TableKind, table: MySqlTable): WrittenTable {
  const { name, columns, primaryKeys } = getTableConfig(table);
  return {
    kind,
    name,
    columns: columns
      .filter((column) => !isForeignColumn(column.name))
      .map((column) => ({ name: column.name, type: column.getSQLType() })),
    values: ROW_FIELDS[kind],
    key: primaryKeys.flatMap((primaryKey) => primaryKey.columns.map((column) => column.name)),
  };
}

/**
 * The columns that an update changes, the version last: assignments are evaluated from left to right, and each sees the new values of
 * those before it. The trace id comes before the time; with equal times, assigning the time again changes nothing.
 */
function changedColumns(table: WrittenTable): readonly string[] {
  const names = table.columns.map(({ name }) => name);
  const version = hasVersion(names) ? ['source_trace_id', 'source_time'] : ['created_time'];
  const others = names.filter(
    (name) => !table.key.includes(name) && !version.includes(name) && !isSetOnce(names, name),
  );
  return [...others, ...version];
}

// The same comparison as compareVersions. Strictly newer: a replay changes nothing. The trace id's collation compares bytes. A row
// without a version, written by upstream, is older than any: the comparison is then null. It is short, because every
// assignment contains it, and the server parses it each time.
function isNewer(table: WrittenTable, dialect: Dialect): string {
  const version = hasVersion(table.columns.map(({ name }) => name))
    ? ['source_time', 'source_trace_id']
    : ['created_time'];
  const old = version.map((name) => stored(table, name)).join(',');
  const incoming = version.map((name) => given(name, dialect)).join(',');
  return `coalesce((${old})<(${incoming}),1)`;
}

function newValue(table: WrittenTable, name: string, dialect: Dialect): string {
  if (isClock(name)) return FIXED_VALUES[name] ?? given(name, dialect);
  return isKeptWhereNull(name) ? `coalesce(${given(name, dialect)},${stored(table, name)})` : given(name, dialect);
}

function stored(table: WrittenTable, name: string): string {
  return `${quote(table.name)}.${quote(name)}`;
}

function given(name: string, dialect: Dialect): string {
  return dialect === 'mysql' ? `n.${quote(name)}` : `values(${quote(name)})`;
}

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
