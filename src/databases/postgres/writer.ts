/** One connection of the PostgreSQL sink. It is opened when needed and replaced after a failure. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SinkError } from '../../errors.ts';
import { DICOM_STORE_META_FIELDS } from '../../records/dicom-store-meta.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../records/output-fields.ts';
import type { GroupedRecord } from '../../records/records.ts';
import { coalesceRows } from '../coalesce.ts';
import type { DatabaseWriter } from '../database-writer.ts';
import { StatementError } from '../statement-error.ts';
import type { PostgresConnection } from './connection.ts';
import { PostgresStatementError } from './connection.ts';
import { RowArrayWriter, RowError } from './rows.ts';
import { POSTGRES_WRITE_STATEMENT } from './write-statement.ts';

// By then the other transaction of a deadlock or a concurrent insert has ended. Later conflicts are retried by the caller.
const CONFLICT_TRIES = 4;
const CONFLICT_PAUSE_MS = 20;

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
}

/** Creates a writer; it connects at its first statement. */
export function createPostgresWriter({ name, open, prepare }: PostgresWriterOptions): DatabaseWriter {
  let connection: PostgresConnection | undefined;
  let prepared: { readonly name: string; readonly again: boolean } | undefined;
  let closed = false;
  // Megabytes per statement, so they are reused. A writer runs one statement at a time.
  const objectArray = new RowArrayWriter(DICOM_STORE_META_FIELDS);
  const stateArray = new RowArrayWriter(STATE_META_FIELDS);
  const imageArray = new RowArrayWriter(IMAGE_META_FIELDS);

  async function connected(): Promise<PostgresConnection> {
    if (connection?.usable) return connection;
    connection = undefined;
    const opened = await open();
    if (closed) {
      opened.destroy();
      throw new SinkError(name, 'unavailable', 'closed');
    }
    connection = opened;
    prepared = prepare ? { name: statementName(), again: false } : undefined;
    return opened;
  }

  /** The statement's parameters. */
  function parametersOf(records: readonly GroupedRecord[]): readonly Buffer[] {
    const { objects, states, images } = coalesceRows(records);
    try {
      return [objectArray.write(objects), stateArray.write(states), imageArray.write(images)];
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
      prepared = prepared.again ? undefined : { name: statementName(), again: true };
      await run(current, values);
    }
  }

  return {
    async store(records) {
      const values = parametersOf(records);
      for (let attempt = 1; ; attempt++) {
        const current = await connected();
        try {
          await run(current, values);
          return [];
        } catch (error) {
          const conflict = await asConflict(error, current, name);
          if (conflict === undefined) throw error;
          if (attempt === CONFLICT_TRIES) throw conflict;
        }
        await sleep(CONFLICT_PAUSE_MS * attempt * (0.5 + Math.random()));
      }
    },
    async close() {
      closed = true;
      await connection?.close();
    },
  };
}

// Unique, because PGlite and poolers may share a session, and its statement names, between connections.
function statementName(): string {
  return `wado_consumer_write_${randomUUID().slice(0, 8)}`;
}

/** The error as a conflict if another transaction caused it, so that a retry finds its rows committed; else undefined. */
async function asConflict(
  error: unknown,
  connection: PostgresConnection,
  name: string,
): Promise<SinkError | undefined> {
  if (!(error instanceof PostgresStatementError)) return undefined;
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
