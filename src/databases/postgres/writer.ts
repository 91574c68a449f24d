/** One connection of the PostgreSQL sink: opened when it is needed, replaced after it has failed. */
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

// The other side of a deadlock or a concurrent insert has ended by then. What still collides is retried by the caller.
const CONFLICT_TRIES = 4;
const CONFLICT_PAUSE_MS = 20;

/** A lock timeout is no collision: the same statement would wait as long again. */
const LOCKED: ReadonlySet<string> = new Set(['55P03', '55006']);

/** The server connection behind a pooler has changed, and doesn't know the statement, or knows another one by its name. */
const NOT_PREPARED: ReadonlySet<string> = new Set(['26000', '42P05']);

export interface PostgresWriterOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  /** Opens a connection, or rejects with a SinkError. */
  readonly open: () => Promise<PostgresConnection>;
  /** Whether the write statement is prepared once per connection. */
  readonly prepare: boolean;
}

export function createPostgresWriter({ name, open, prepare }: PostgresWriterOptions): DatabaseWriter {
  let connection: PostgresConnection | undefined;
  let prepared: { readonly name: string; readonly again: boolean } | undefined;
  let closed = false;
  // Megabytes for each statement: allocated once, since a writer runs one statement at a time.
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

  /** Runs the write statement. Prepares it again where the server doesn't know it; after the second time it isn't prepared any more. */
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

// Servers and poolers that share a session between connections (PGlite) see the names of all of them.
function statementName(): string {
  return `wado_consumer_write_${randomUUID().slice(0, 8)}`;
}

/** `error` as a conflict, when it is one: another transaction won, and a second try finds its rows committed. */
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

// Does the violated unique index hold all columns of its table's primary key?
const REPEATS_PRIMARY_KEY = `
select i.indkey::int2[] @> p.indkey::int2[] as repeats
from pg_index i join pg_index p on p.indrelid = i.indrelid and p.indisprimary
where i.indexrelid = to_regclass(format('%I.%I', $1::text, $2::text))`;

// Upstream's extra unique indexes repeat the primary key. ON CONFLICT arbitrates on the key alone, so of two statements that insert one key
// at the same moment one can fail at such an index, and its row is not at fault. Any other unique index is a rule that the row breaks.
async function repeatsPrimaryKey(error: PostgresStatementError, connection: PostgresConnection): Promise<boolean> {
  if (error.constraint === undefined) return false;
  const { schema, name } = error.constraint;
  const [row] = await connection.query({ text: REPEATS_PRIMARY_KEY, values: [schema, name] });
  return row?.repeats === true;
}
