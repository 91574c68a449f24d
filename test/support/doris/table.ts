/** Tables with UNIQUE KEY, merge-on-write and a sequence column. */
import { BadValue, type Column, compareSequence, defaultOf, type Stored, storedValue } from './values.ts';

export type StoredRow = Readonly<Record<string, Stored>>;

/** What the headers of a load say about its rows. */
export interface LoadSettings {
  /** The columns in the data; undefined: all that the JSON names. */
  readonly columns: readonly string[] | undefined;
  readonly strict: boolean;
  readonly partial: boolean;
  /** Whether a partial update may add rows. */
  readonly append: boolean;
  readonly timezone: string;
}

/** The checked rows of a load: what it would change, and the lines of its error log. */
export interface PreparedLoad {
  readonly rows: readonly ReadonlyMap<string, Stored>[];
  readonly settings: LoadSettings;
  readonly errors: readonly string[];
  readonly total: number;
}

/** A load that fails as a whole. */
export class LoadFailure extends Error {}

export class Table {
  readonly name: string;
  readonly statement: string;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  readonly sequence: string | undefined;
  readonly #rows = new Map<string, StoredRow>();
  /** The sequence number of the last change of each row. */
  changes = 0;

  constructor(statement: string) {
    this.statement = statement;
    this.name = /^create table (?:if not exists )?`(\w+)`/i.exec(statement)?.[1] ?? '';
    this.columns = [...statement.matchAll(/^\s*`(\w+)` (\S+) (NOT NULL|NULL)(?: DEFAULT (\S+?))?,?$/gm)].map(
      ([, name = '', type = '', nulls, otherwise]) => ({
        name,
        type: type.toLowerCase(),
        nullable: nulls === 'NULL',
        otherwise,
      }),
    );
    this.key = [...(/unique key\(([^)]*)\)/i.exec(statement)?.[1] ?? '').matchAll(/`(\w+)`/g)].map(
      ([, name = '']) => name,
    );
    if (!/"replication_num" = "\d+"/.test(statement)) throw new LoadFailure('replication_num is missing');
    const first = this.columns.slice(0, this.key.length).map(({ name }) => name);
    if (this.key.length === 0 || first.join() !== this.key.join())
      throw new LoadFailure('Key columns should be a ordered prefix of the schema.');
    this.sequence = /"function_column.sequence_col" = "(\w+)"/.exec(statement)?.[1];
    const type = this.columns.find(({ name }) => name === this.sequence)?.type;
    if (this.sequence !== undefined && !/^(int|bigint|largeint|date|datetime)\b/.test(type ?? ''))
      throw new LoadFailure('Sequence type only support integer types and date types');
  }

  get rows(): readonly StoredRow[] {
    return [...this.#rows.values()];
  }

  truncate(): void {
    this.#rows.clear();
  }

  /** Checks and converts rows. Throws a LoadFailure. */
  prepare(objects: readonly unknown[], settings: LoadSettings): PreparedLoad {
    const named = settings.columns ?? this.columns.map(({ name }) => name);
    const unknown = named.find((name) => !this.columns.some((column) => column.name === name));
    if (unknown !== undefined) throw new LoadFailure(`errCode = 2, detailMessage = Unknown column '${unknown}'`);
    if (this.key.some((name) => !named.includes(name)))
      throw new LoadFailure('errCode = 2, detailMessage = Partial update should include all key columns');
    if (this.sequence !== undefined && !named.includes(this.sequence) && !settings.partial)
      throw new LoadFailure(`Table ${this.name} has sequence column, need to specify the sequence column`);
    const rows: ReadonlyMap<string, Stored>[] = [];
    const errors: string[] = [];
    for (const object of objects) {
      try {
        rows.push(this.#converted(object, named, settings));
      } catch (error) {
        if (!(error instanceof BadValue)) throw error;
        errors.push(`Reason: ${error.message}. src line [${JSON.stringify(object)}]; `);
      }
    }
    return { rows, settings, errors, total: objects.length };
  }

  #converted(object: unknown, named: readonly string[], { strict }: LoadSettings): ReadonlyMap<string, Stored> {
    if (typeof object !== 'object' || object === null) throw new BadValue('JSON data is not an object');
    const given: Readonly<Record<string, unknown>> = { ...object };
    const values = new Map<string, Stored>();
    for (const column of this.columns) {
      if (!named.includes(column.name)) continue;
      let value: Stored;
      try {
        value = storedValue(column, given[column.name]);
      } catch (error) {
        // Text that is too long is refused in either mode; anything else becomes null unless the mode is strict.
        if (strict || !column.nullable || column.type.startsWith('varchar')) throw error;
        value = null;
      }
      if (value === null && !column.nullable)
        throw new BadValue(`null value for not null column, column=${column.name}`);
      values.set(column.name, value);
    }
    return values;
  }

  /** Publishes a load. Throws a LoadFailure, and then changes nothing. */
  apply({ rows, settings }: PreparedLoad): void {
    const changed = new Map<string, StoredRow>();
    for (const values of rows) {
      const id = this.key.map((name) => values.get(name)).join('\0');
      const before = changed.get(id) ?? this.#rows.get(id);
      if (before === undefined && settings.partial && !settings.append)
        throw new LoadFailure(
          "[E-7003]Can't append new rows in partial update when partial_update_new_key_behavior is ERROR",
        );
      const base = settings.partial ? before : undefined;
      const row: StoredRow = Object.fromEntries(
        this.columns.map((column) => [
          column.name,
          values.has(column.name)
            ? (values.get(column.name) ?? null)
            : base === undefined
              ? defaultOf(column, settings.timezone)
              : (base[column.name] ?? null),
        ]),
      );
      if (before !== undefined && this.#isOlder(row, before)) continue;
      changed.set(id, row);
    }
    for (const [id, row] of changed) this.#rows.set(id, row);
    this.changes += changed.size;
  }

  // Of equal values the later row wins: Doris replaces a row unless its own value is greater.
  #isOlder(row: StoredRow, before: StoredRow): boolean {
    if (this.sequence === undefined) return false;
    return compareSequence(row[this.sequence] ?? null, before[this.sequence] ?? null) < 0;
  }
}
