/** One connection of the PostgreSQL sink: opened when it is needed, thrown away when it has failed. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SinkError } from '../../errors.ts';
import { DICOM_STORE_META_FIELDS } from '../../records/dicom-store-meta.ts';
import { IMAGE_META_FIELDS, STATE_META_FIELDS } from '../../records/output-fields.ts';
import type { GroupedRecord } from '../../records/records.ts';
import { coalesceRows } from '../coalesce.ts';
import type { DatabaseLane } from '../group-commit.ts';
import type { PostgresConnection } from './connection.ts';
import { PostgresStatementError } from './connection.ts';
import { RowArrayWriter, RowError } from './rows.ts';
import { POSTGRES_WRITE_STATEMENT } from './write-statement.ts';

// A deadlock's or a concurrent insert's other side has finished by then; whoever still collides is tried again by the caller.
const CONFLICT_TRIES = 4;
const CONFLICT_PAUSE_MS = 20;

// Servers and poolers that share a session between connections (PGlite) see all their names.
const statementName = () => `wado_consumer_write_${randomUUID().slice(0, 8)}`;

/** `open` makes a new connection, or rejects with a SinkError. */
export function createPostgresLane(name: string, open: () => Promise<PostgresConnection>): DatabaseLane {
  let connection: PostgresConnection | undefined;
  let preparedAs = '';
  let closed = false;
  // Megabytes for each statement: made once, since the lane writes one statement at a time.
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
    preparedAs = statementName();
    return opened;
  }

  /** The statement's parameters. */
  function parametersOf(units: readonly GroupedRecord[]): readonly Buffer[] {
    const { objects, states, images } = coalesceRows(units);
    try {
      return [objectArray.write(objects), stateArray.write(states), imageArray.write(images)];
    } catch (error) {
      throw error instanceof RowError ? new SinkError(name, 'rejected', error.code) : error;
    }
  }

  return {
    async store(units) {
      const values = parametersOf(units);
      for (let attempt = 1; ; attempt++) {
        const current = await connected();
        try {
          await current.query({ name: preparedAs, text: POSTGRES_WRITE_STATEMENT, values });
          return;
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

/** `error` as a conflict, when it is one: another transaction was in the way, and a second try finds its rows committed. */
async function asConflict(
  error: unknown,
  connection: PostgresConnection,
  name: string,
): Promise<SinkError | undefined> {
  if (!(error instanceof PostgresStatementError)) return undefined;
  if (error.code === 'conflict') return error;
  if (error.detail !== UNIQUE_VIOLATION || !(await repeatsPrimaryKey(error, connection))) return undefined;
  return new SinkError(name, 'conflict', error.detail);
}

const UNIQUE_VIOLATION = '23505';

// Does the violated unique index hold all columns of its table's primary key?
const REPEATS_PRIMARY_KEY = `
select i.indkey::int2[] @> p.indkey::int2[] as repeats
from pg_index i join pg_index p on p.indrelid = i.indrelid and p.indisprimary
where i.indexrelid = to_regclass(format('%I.%I', $1::text, $2::text))`;

// Upstream's extra unique indexes repeat the primary key. ON CONFLICT watches the key alone, so of two statements that insert the same key
// at once one can fail at such an index: not the data's fault. Any other unique index is a rule that the row breaks.
async function repeatsPrimaryKey(error: PostgresStatementError, connection: PostgresConnection): Promise<boolean> {
  if (error.constraint === undefined) return false;
  const { schema, name } = error.constraint;
  const [row] = await connection.query({ text: REPEATS_PRIMARY_KEY, values: [schema, name] });
  return row?.repeats === true;
}
