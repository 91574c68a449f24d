/**
 * The statement that stores rows in all three tables. It is generated from the drizzle schema, so that columns are defined in one place.
 * Its parameters are three text arrays; each element is the array literal of a row's values, in the order of the output record's fields.
 */
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { getTableConfig } from 'drizzle-orm/pg-core';
import { hasVersion, isClock, isForeignColumn, isKeptWhereNull, isSetOnce, ROW_FIELDS } from '../table-rules.ts';
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

/** The three tables, in the order of the statement's parameters: objects, states, images. */
export const WRITTEN_TABLES = [
  writtenTable(dicomObjectMeta, ROW_FIELDS.object),
  writtenTable(dicomStateMeta, ROW_FIELDS.state),
  writtenTable(dicomImageMeta, ROW_FIELDS.image),
] as const satisfies readonly WrittenTable[];

/**
 * The text of the write statement. `$1`, `$2` and `$3` are the object, state and image rows. Each key occurs at most once per array
 * (PostgreSQL refuses to change a row twice in one statement, 21000). Rows are in key order, so that statements lock in the same order.
 */
export const POSTGRES_WRITE_STATEMENT = writeStatement(WRITTEN_TABLES);

/** The text of the upsert of the states alone; `$1` are their rows. */
export const POSTGRES_STATE_STATEMENT = upsert(WRITTEN_TABLES[1], '$1');

/**
 * The text of the COPY of new rows: lines of values as in `RowLinesWriter`. It fails if a row of the same key exists. The clock's time is that
 * of the transaction's start.
 */
export function copyStatement({ name, values }: Pick<WrittenTable, 'name' | 'values'>): string {
  const format = `format csv, quote '"', escape '\\', null 'null'`;
  return `copy ${quote(name)} (${values.map(quote).join(', ')}) from stdin with (${format})`;
}

/**
 * The text of a statement that fails (22012) unless each table has a unique index of the columns of its key. It runs in every transaction:
 * it looks at the indexes of these tables only, where a join would compute the columns of every index of the database.
 */
export function keysStatement(tables: readonly Pick<WrittenTable, 'name' | 'key'>[]): string {
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`;
  const hasKey = tables.map(
    ({ name, key }) => `exists (
select from pg_index i where i.indrelid = to_regclass(${text(quote(name))})
and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
and (select array_agg(a.attname order by a.attname collate "C") from pg_attribute a
  where a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])) = array[${key.toSorted().map(text).join(', ')}]::name[])`,
  );
  return `select 1 / (${hasKey.join(' and ')})::int`;
}

/** What a row's JSON does not decide, as values of a COPY: the time of the write, by the database's clock. */
export const COPY_VALUES: Readonly<Record<string, string>> = { updated_time: 'now' };

function writtenTable(table: PgTable, values: readonly string[]): WrittenTable {
  const { name, columns, primaryKeys } = getTableConfig(table);
  return {
    name,
    columns: columns
      .filter((column) => !isForeignColumn(column.name))
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
  const names = namesOf(table).map(quote);
  const values = table.columns.map((column) =>
    isClock(column.name) ? 'clock_timestamp()::timestamp' : valueSql(table, column),
  );
  const changed = table.columns.filter(
    (column) => !table.key.includes(column.name) && !isSetOnce(namesOf(table), column.name),
  );
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

function namesOf(table: WrittenTable): readonly string[] {
  return table.columns.map(({ name }) => name);
}

// Text isn't cast, so that its length is checked only once, by the column.
function valueSql(table: WrittenTable, column: WrittenColumn): string {
  const value = `r.value[${table.values.indexOf(column.name) + 1}]`;
  return column.type.startsWith('varchar') ? value : `${value}::${column.type}`;
}

// The same comparison as compareVersions. Strictly newer: a replay changes nothing. "C" compares bytes, whatever the database's
// collation. A row without a version, written by upstream, is older than any.
function isNewerRow(table: WrittenTable): string {
  if (!hasVersion(namesOf(table))) return 't.created_time < excluded.created_time';
  return (
    `t.source_time is null or (t.source_time, coalesce(t.source_trace_id, '') collate "C")` +
    ` < (excluded.source_time, excluded.source_trace_id collate "C")`
  );
}

function newValue(name: string): string {
  const value = `excluded.${quote(name)}`;
  return isKeptWhereNull(name) ? `coalesce(${value}, t.${quote(name)})` : value;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
