/** One connection of the PostgreSQL sink. It is opened when needed and replaced after a failure. */
import { SinkError } from '../../errors.ts';
import { coalesceRows, type StatementRows } from '../coalesce.ts';
import type { DatabaseWriter } from '../database-writer.ts';
import { retryConflicts } from '../retry-conflicts.ts';
import { RowError } from '../row-values.ts';
import { StatementError } from '../statement-error.ts';
import { ROW_FIELDS } from '../table-rules.ts';
import type { PostgresConnection } from './connection.ts';
import { PostgresStatementError } from './connection.ts';
import { createCopier, statementName } from './copier.ts';
import { CopyAttempts } from './copy-attempts.ts';
import { RowArrayWriter, RowLinesWriter } from './rows.ts';
import { COPY_VALUES, POSTGRES_WRITE_STATEMENT } from './write-statement.ts';

/** Lock timeouts are not retried at once: the same statement would wait for the lock again. */
const LOCKED: ReadonlySet<string> = new Set(['55P03', '55006']);

/** A pooler has changed the server connection, which doesn't have the statement, or has another one with this name. */
const NOT_PREPARED: ReadonlySet<string> = new Set(['26000', '42P05']);

/** The settings of one connection of the sink. */
export interface PostgresWriterOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  /** Opens a connection, or rejects with a SinkError. */
  readonly open: () => Promise<PostgresConnection>;
  /** Whether the write statement is prepared once per connection. */
  readonly prepare: boolean;
  /** Whether new rows are stored with COPY. Needs `prepare`. */
  readonly copy: boolean;
}

/** Creates a writer; it connects at its first statement. */
export function createPostgresWriter({ name, open, prepare, copy }: PostgresWriterOptions): DatabaseWriter {
  let connection: PostgresConnection | undefined;
  let prepared: { readonly name: string; readonly again: boolean } | undefined;
  let copier = createCopier();
  let closed = false;
  const attempts = new CopyAttempts();
  // Megabytes per statement, so they are reused. A writer runs one statement at a time.
  const objectArray = new RowArrayWriter(ROW_FIELDS.object);
  const stateArray = new RowArrayWriter(ROW_FIELDS.state);
  const imageArray = new RowArrayWriter(ROW_FIELDS.image);
  const objectLines = new RowLinesWriter(ROW_FIELDS.object);
  const imageLines = new RowLinesWriter(ROW_FIELDS.image, COPY_VALUES);

  async function connected(): Promise<PostgresConnection> {
    if (connection?.usable) return connection;
    connection = undefined;
    const opened = await open();
    if (closed) {
      opened.destroy();
      throw new SinkError(name, 'unavailable', 'closed');
    }
    connection = opened;
    prepared = prepare ? { name: statementName('write'), again: false } : undefined;
    copier = createCopier();
    return opened;
  }

  function encoded<T>(encode: () => T): T {
    try {
      return encode();
    } catch (error) {
      throw error instanceof RowError ? new StatementError(name, 'rejected', error.code, { about: 'value' }) : error;
    }
  }

  /** Runs the write statement. If the server lacks the prepared statement, prepares it once more, and after that no longer. */
  async function run(current: PostgresConnection, values: readonly Buffer[]): Promise<void> {
    try {
      const named = prepared === undefined ? {} : { name: prepared.name };
      await current.write({ ...named, text: POSTGRES_WRITE_STATEMENT, values });
    } catch (error) {
      if (prepared === undefined || !(error instanceof SinkError) || !NOT_PREPARED.has(error.detail)) throw error;
      prepared = prepared.again ? undefined : { name: statementName('write'), again: true };
      await run(current, values);
    }
  }

  function parametersOf({ objects, states, images }: StatementRows): readonly Buffer[] {
    return encoded(() => [objectArray.write(objects), stateArray.write(states), imageArray.write(images)]);
  }

  /** Stores the rows if no object and image exists yet. Resolves to false if another statement must be tried. */
  async function insertNew({ objects, states, images }: StatementRows): Promise<boolean> {
    if (!prepare || !copy) return false;
    const current = await connected();
    if (!current.takesCopy || !attempts.next()) return false;
    const input = encoded(() => ({
      objects: objectLines.write(objects),
      states: states.length === 0 ? undefined : stateArray.write(states),
      images: imageLines.write(images),
    }));
    const error = await copier.insert(current, input);
    if (error === undefined) {
      attempts.succeeded();
      return true;
    }
    attempts.failed();
    if (error.code === 'timeout' || error.code === 'conflict') throw error;
    return false;
  }

  return {
    async store(records) {
      const rows = coalesceRows(records);
      let values: readonly Buffer[] | undefined;
      let isFirst = true;
      const write = async () => {
        const mayBeNew = isFirst;
        isFirst = false;
        if (mayBeNew && (await insertNew(rows))) return;
        values ??= parametersOf(rows);
        await run(await connected(), values);
      };
      await retryConflicts(write, (error) => asConflict(error, connection, name));
      return [];
    },
    async close() {
      closed = true;
      await connection?.close();
    },
  };
}

/** The error as a conflict if another transaction caused it, so that a retry finds its rows committed; else undefined. */
async function asConflict(
  error: unknown,
  connection: PostgresConnection | undefined,
  name: string,
): Promise<SinkError | undefined> {
  if (!(error instanceof PostgresStatementError) || connection === undefined) return undefined;
  if (error.code === 'conflict') return LOCKED.has(error.detail) ? undefined : error;
  if (error.detail !== UNIQUE_VIOLATION || !(await repeatsPrimaryKey(error, connection))) return undefined;
  return new StatementError(name, 'conflict', error.detail);
}

const UNIQUE_VIOLATION = '23505';

// Whether the violated unique index contains all columns of its table's primary key.
const REPEATS_PRIMARY_KEY = `
select i.indkey::int2[] @> p.indkey::int2[] as repeats
from pg_index i join pg_index p on p.indrelid = i.indrelid and p.indisprimary
where i.indexrelid = to_regclass(format('%I.%I', $1::text, $2::text))`;

// Upstream's extra unique indexes repeat the primary key. ON CONFLICT handles the primary key only, so when two statements insert the same
// key concurrently, one may fail at such an index although its row is valid. A violation of any other unique index is the row's fault.
async function repeatsPrimaryKey(error: PostgresStatementError, connection: PostgresConnection): Promise<boolean> {
  if (error.constraint === undefined) return false;
  const { schema, name } = error.constraint;
  const [row] = await connection.query({ text: REPEATS_PRIMARY_KEY, values: [schema, name] });
  return row?.repeats === true;
}
