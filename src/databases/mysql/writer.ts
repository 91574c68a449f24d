/** One connection of the MySQL sink. It is opened when needed and replaced after a failure. */
import { SinkError } from '../../errors.ts';
import type { GroupedRecord, Rejection, Row } from '../../records/records.ts';
import { coalesceRows, type StatementRows } from '../coalesce.ts';
import type { DatabaseWriter } from '../database-writer.ts';
import { retryConflicts } from '../retry-conflicts.ts';
import { RowError } from '../row-values.ts';
import { StatementError } from '../statement-error.ts';
import type { MysqlConnection } from './connection.ts';
import { type WriteText, WriteTextBuilder } from './rows.ts';
import { MysqlStatementError } from './statement-error.ts';
import type { Dialect } from './write-statement.ts';

/** LOCK_WAIT_TIMEOUT and LOCK_NOWAIT are not retried at once: the same statement would wait for the lock again. */
const LOCKED: ReadonlySet<string> = new Set(['1205', '3572']);

/** More than the packet's header and the protocol's command byte. */
const AROUND_A_PACKET = 1_024;

/** The settings of one connection of the sink. */
export interface MysqlWriterOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  /** Opens a connection, or rejects with a SinkError. */
  readonly open: () => Promise<MysqlConnection>;
}

/** Creates a writer; it connects at its first statement. */
export function createMysqlWriter({ name, open }: MysqlWriterOptions): DatabaseWriter {
  let connection: MysqlConnection | undefined;
  let closed = false;
  // Megabytes per statement, so its memory is reused. A writer runs one statement at a time.
  const builder = new WriteTextBuilder();

  async function connected(): Promise<MysqlConnection> {
    if (connection?.usable) return connection;
    connection = undefined;
    const opened = await open();
    if (closed) {
      opened.destroy();
      throw new SinkError(name, 'unavailable', 'closed');
    }
    connection = opened;
    return opened;
  }

  function textOf(rows: StatementRows, dialect: Dialect): WriteText {
    try {
      return builder.build(rows, dialect);
    } catch (error) {
      throw error instanceof RowError ? new StatementError(name, 'rejected', error.code, { about: 'value' }) : error;
    }
  }

  async function write(rows: StatementRows): Promise<void> {
    const current = await connected();
    const text = textOf(rows, current.server.dialect);
    // The server would close the connection (1153). The caller divides the statement; a single row that is too large can't be stored.
    if (text.size + AROUND_A_PACKET > current.server.maxPacket)
      throw new StatementError(name, 'rejected', 'max_allowed_packet', { about: 'value', tooLarge: true });
    await current.write(text);
  }

  return {
    async store(records) {
      const rows = coalesceRows(records);
      try {
        await retryConflicts(
          () => write(rows),
          (error) => asConflict(error),
        );
        return [];
      } catch (error) {
        const named = records.length > 1 ? namedBy(error, rows, records) : [];
        if (named.length > 0) return named;
        throw error;
      }
    },
    async close() {
      closed = true;
      await connection?.close();
    },
  };
}

/** The error if another transaction caused it, so that a retry may succeed; else undefined. */
function asConflict(error: unknown): Error | undefined {
  const isConflict = error instanceof MysqlStatementError && error.code === 'conflict' && !LOCKED.has(error.detail);
  return isConflict ? error : undefined;
}

/** The records of the row that the server named. Empty if it named none, or if the row is not at fault. */
function namedBy(error: unknown, rows: StatementRows, records: readonly GroupedRecord[]): readonly Rejection[] {
  if (!(error instanceof MysqlStatementError) || error.code !== 'rejected') return [];
  const { row, table } = error;
  if (row === undefined || table === undefined) return [];
  const named: Row | undefined = rows[`${table}s`][row - 1];
  return records.filter((record) => record[table] === named).map(({ file }) => ({ file, error }));
}
