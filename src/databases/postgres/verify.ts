/** Looks whether a database has what the write statement needs, and names what it lacks. */
import { SinkError } from '../../errors.ts';
import type { PostgresConnection } from './connection.ts';
import { POSTGRES_WRITE_STATEMENT, WRITTEN_TABLES, type WrittenColumn, type WrittenTable } from './write-statement.ts';

// format_type gives the type as SQL names it; to_regclass looks along the search_path, as the write statement does.
const COLUMNS = `
select a.attname as name, format_type(a.atttypid, null) as type,
  case when a.atttypid in ('varchar'::regtype, 'bpchar'::regtype) and a.atttypmod > 4 then a.atttypmod - 4 end as length
from pg_attribute a
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped`;

interface FoundColumn {
  readonly type: string;
  readonly length: number | null;
}

/** Types that hold the same values as ours without loss. */
const ALSO_GOOD: Readonly<Record<string, readonly string[]>> = {
  'character varying': ['text', 'character'],
  integer: ['bigint'],
  time: ['time without time zone'],
  timestamp: ['timestamp without time zone'],
};

/**
 * Rejects with a SinkError `misconfigured` whose detail names the table and column at fault (`dicom_state_meta.source_time:missing`),
 * or with what running the write statement without rows said: that checks the keys and the rights.
 */
export async function verifyPostgres(connection: PostgresConnection, sink: string): Promise<void> {
  for (const table of WRITTEN_TABLES) {
    const fault = findFault(table, await readColumns(connection, table.name));
    if (fault !== undefined) throw new SinkError(sink, 'misconfigured', fault);
  }
  await connection.query({ text: POSTGRES_WRITE_STATEMENT, values: ['{}', '{}', '{}'] });
}

async function readColumns(connection: PostgresConnection, table: string): Promise<ReadonlyMap<string, FoundColumn>> {
  const rows = await connection.query({ text: COLUMNS, values: [table] });
  return new Map(
    rows.map(({ name, type, length }) => [
      String(name),
      { type: String(type), length: typeof length === 'number' ? length : null },
    ]),
  );
}

/** What `table` lacks, as `table:missing`, `table.column:missing` or `table.column:type`; undefined when it has everything. */
export function findFault(
  table: Pick<WrittenTable, 'name' | 'columns'>,
  found: ReadonlyMap<string, FoundColumn>,
): string | undefined {
  if (found.size === 0) return `${table.name}:missing`;
  for (const column of table.columns) {
    const there = found.get(column.name);
    if (there === undefined) return `${table.name}.${column.name}:missing`;
    // Caught here, since at the first write every row would look like a bad one.
    if (!holds(there, column)) return `${table.name}.${column.name}:type`;
  }
  return undefined;
}

function holds(found: FoundColumn, wanted: WrittenColumn): boolean {
  const [, base = '', length] = /^([a-z ]+?)(?: ?\((\d+)\))?$/.exec(wanted.type) ?? [];
  const type = base === 'varchar' ? 'character varying' : base;
  if (found.type !== type && !(ALSO_GOOD[type] ?? []).includes(found.type)) return false;
  return type !== 'character varying' || found.length === null || found.length >= Number(length);
}
