/** One connection of the PostgreSQL sink: opened when it is needed, thrown away when it has failed. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresConnection } from '../db/postgres-connection.ts';
import { PostgresStatementError } from '../db/postgres-connection.ts';
import { POSTGRES_WRITE_STATEMENT } from '../db/postgres-write-statement.ts';
import { SinkError } from '../errors.ts';
import type { GroupedRecord, Row } from '../records/records.ts';
import type { DatabaseLane } from './database-group-commit.ts';
import { coalesceRows } from './database-rows.ts';

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

  return {
    async store(units) {
      const values = statementValues(units);
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

/** The three JSON arrays that the write statement takes. */
function statementValues(units: readonly GroupedRecord[]): readonly string[] {
  const { objects, states, images } = coalesceRows(units);
  return [
    jsonArray(objects.map((row) => row.json)),
    jsonArray(states.map(withVersion)),
    jsonArray(images.map(withVersion)),
  ];
}

// The brackets go in before the join: put around its megabytes, they would have them copied once more.
function jsonArray(texts: string[]): string {
  if (texts.length === 0) return '[]';
  texts[0] = `[${texts[0]}`;
  texts[texts.length - 1] += ']';
  return texts.join(',');
}

// The version isn't part of the published text. Put in before the closing brace it costs a concatenation, no second serialising.
function withVersion({ json, version }: Row): string {
  return `${json.slice(0, -1)},"source_time":"${version.time}","source_trace_id":${JSON.stringify(version.traceId)}}`;
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
