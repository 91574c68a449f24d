/** Compares a table in the database with what the service writes, and names the first difference. */
import { isAlwaysNull } from './table-rules.ts';

/** A column that the service writes. */
export interface NeededColumn {
  readonly name: string;
  /** The database's name of the type, with its length: `varchar(64)`. */
  readonly type: string;
}

/** A table that the service writes. */
export interface NeededTable {
  readonly name: string;
  readonly columns: readonly NeededColumn[];
}

/** A column of a table in the database. */
export interface PresentColumn {
  /** NOT NULL. */
  readonly required: boolean;
  /** A default, identity or generated value fills it. */
  readonly filled: boolean;
}

/**
 * What is wrong with `table` and what to do, e.g. `table.column:type, needs varchar(64)`; undefined when every record fits. `holds` says
 * whether a column stores every value of the needed type without loss.
 */
export function findTableFault<Present extends PresentColumn>(
  table: NeededTable,
  present: ReadonlyMap<string, Present>,
  holds: (present: Present, needed: NeededColumn) => boolean,
): string | undefined {
  if (present.size === 0) return `${table.name}:missing, run wado-consumer migrate`;
  for (const column of table.columns) {
    const there = present.get(column.name);
    if (there === undefined) return `${table.name}.${column.name}:missing, run wado-consumer migrate`;
    // Otherwise each row that doesn't fit would be dead-lettered as a bad record.
    if (!holds(there, column)) return `${table.name}.${column.name}:type, needs ${column.type}`;
  }
  const written = new Set(table.columns.map(({ name }) => name));
  for (const [name, { required, filled }] of present) {
    const empty = isAlwaysNull(name) || (!written.has(name) && !filled);
    if (required && empty) return `${table.name}.${name}:not_null, give it a default or allow nulls`;
  }
  return undefined;
}
