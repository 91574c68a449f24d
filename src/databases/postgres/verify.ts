/** Checks that the write statement fits the database's tables, and names the difference. */
import { SinkError } from '../../errors.ts';
import { findTableFault, type NeededColumn, type NeededTable, type PresentColumn } from '../table-fault.ts';
import type { PostgresConnection } from './connection.ts';
import { POSTGRES_WRITE_STATEMENT, WRITTEN_TABLES } from './write-statement.ts';

// atttypmod has the length of varchar and the precision of time and timestamp. to_regclass uses the search_path, like the statement.
const COLUMNS = `
select a.attname as name, format_type(a.atttypid, null) as type, a.attnotnull as required,
  a.atthasdef or a.attidentity <> '' as filled,
  case when a.atttypmod < 0 then null
    when a.atttypid in ('varchar'::regtype, 'bpchar'::regtype) then a.atttypmod - 4
    when a.atttypid in ('time'::regtype, 'timestamp'::regtype) then a.atttypmod end as length
from pg_attribute a
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped`;

/** A column of a table in the database. */
export interface FoundColumn extends PresentColumn {
  /** PostgreSQL's name of the type, without its length. */
  readonly type: string;
  /** Characters of varchar, fraction digits of time and timestamp; null without a limit. */
  readonly length: number | null;
}

/** Types that store the same values without loss. */
const ALSO_GOOD: Readonly<Record<string, readonly string[]>> = {
  'character varying': ['text', 'character'],
  integer: ['bigint'],
};

/**
 * Rejects with a SinkError `misconfigured` whose detail names the table, the column and what to do. Also runs the write statement without
 * rows, which checks the keys and the privileges, and rejects with its error.
 */
export async function verifyPostgres(connection: PostgresConnection, sink: string): Promise<void> {
  const refuse = (detail: string) => new SinkError(sink, 'misconfigured', detail);
  const [database] = await connection.query({ text: "select current_setting('server_encoding') as encoding" });
  if (database?.encoding !== 'UTF8') throw refuse(`encoding:${database?.encoding}, the database must be UTF8`);
  for (const table of WRITTEN_TABLES) {
    const fault = findFault(table, await readColumns(connection, table.name));
    if (fault !== undefined) throw refuse(fault);
  }
  await connection.query({ text: POSTGRES_WRITE_STATEMENT, values: ['{}', '{}', '{}'] });
}

async function readColumns(connection: PostgresConnection, table: string): Promise<ReadonlyMap<string, FoundColumn>> {
  const rows = await connection.query({ text: COLUMNS, values: [table] });
  return new Map(
    rows.map(({ name, type, length, required, filled }) => [
      String(name),
      {
        type: String(type),
        length: typeof length === 'number' ? length : null,
        required: required === true,
        filled: filled === true,
      },
    ]),
  );
}

/** What is wrong with `table` and what to do; undefined when every record fits. */
export function findFault(table: NeededTable, found: ReadonlyMap<string, FoundColumn>): string | undefined {
  return findTableFault(table, found, holds);
}

const LENGTHS: Readonly<Record<string, number>> = { time: 3, timestamp: 6 };

function holds(found: FoundColumn, wanted: NeededColumn): boolean {
  const [, base = '', length] = /^([a-z ]+?)(?: ?\((\d+)\))?$/.exec(wanted.type) ?? [];
  const type = FULL_NAMES[base] ?? base;
  if (found.type !== type && !(ALSO_GOOD[type] ?? []).includes(found.type)) return false;
  const needed = LENGTHS[base] ?? (base === 'varchar' ? Number(length) : 0);
  return found.length === null || found.length >= needed;
}

const FULL_NAMES: Readonly<Record<string, string>> = {
  varchar: 'character varying',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
};
