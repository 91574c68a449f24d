/**
 * The text of one write: a transaction of one INSERT per table that has rows. It is sent in one packet, so a write costs one round trip.
 *
 * A value of a record is a string literal in double quotes, in which `"` and `\` are escaped by `\`, a number, or null. That is safe while
 * ANSI_QUOTES and NO_BACKSLASH_ESCAPES are off, so every write sets the modes first, in case a proxy has moved the session to another server
 * connection. The character set must be UTF-8 when the packet arrives: the server reads all of it in one character set, and in GBK a
 * backslash may be the second half of a character. The login and the session's first statement set it.
 */
import type { StatementRows } from '../coalesce.ts';
import { RowValues, StatementBuffer } from '../row-values.ts';
import { type Dialect, FIXED_VALUES, insertInto, WRITTEN_TABLES, type WrittenTable } from './write-statement.ts';

/** Strict, so that a value that doesn't fit is refused, not changed. Without ANSI_QUOTES and NO_BACKSLASH_ESCAPES. */
export const SQL_MODE =
  'STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';

const BEGIN = `set sql_mode='${SQL_MODE}';start transaction;`;
/** The number of statements in BEGIN. */
const STATEMENTS_BEFORE = 2;
const COMMIT = 'commit';

const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;

/** What surrounds the rows of a table: encoded once, because it is several kilobytes. */
interface Around {
  readonly head: Buffer;
  readonly tail: Buffer;
}

function aroundRows(dialect: Dialect): readonly Around[] {
  return WRITTEN_TABLES.map((table) => {
    const { head, tail } = insertInto(table, dialect);
    return { head: Buffer.from(head), tail: Buffer.from(`${tail};`) };
  });
}

const AROUND: Readonly<Record<Dialect, readonly Around[]>> = {
  mysql: aroundRows('mysql'),
  mariadb: aroundRows('mariadb'),
};

/** A write, ready to be sent. */
export interface WriteText {
  readonly sql: string;
  /** In bytes. */
  readonly size: number;
  /** The table of a statement of the text; undefined for BEGIN and COMMIT. */
  tableOf(statement: number): WrittenTable | undefined;
}

/** Builds the texts of the writes of one connection, in memory that it reuses. */
export class WriteTextBuilder {
  readonly #buffer = new StatementBuffer();
  readonly #tables = WRITTEN_TABLES.map((table) => ({ table, values: new RowValues(table.values, FIXED_VALUES) }));

  /** Returns the write of `rows`. Throws a RowError. */
  build(rows: StatementRows, dialect: Dialect): WriteText {
    const buffer = this.#buffer;
    buffer.clear();
    buffer.writeText(BEGIN);
    const written: WrittenTable[] = [];
    for (const [position, { table, values }] of this.#tables.entries()) {
      const some = rows[`${table.kind}s`];
      const around = AROUND[dialect][position];
      if (some.length === 0 || around === undefined) continue;
      written.push(table);
      buffer.writeBytes(around.head);
      for (const row of some) {
        if (row !== some[0]) buffer.writeByte(COMMA);
        buffer.writeByte(OPEN);
        values.write(row, buffer);
        buffer.writeByte(CLOSE);
      }
      buffer.writeBytes(around.tail);
    }
    buffer.writeText(COMMIT);
    return {
      sql: buffer.written.toString('utf8'),
      size: buffer.end,
      tableOf: (statement) => written[statement - STATEMENTS_BEFORE],
    };
  }
}
