/** Stores records with one load per table. Doris has no transaction over several tables: see docs/dispositions.md. */
import { SinkError } from '../../errors.ts';
import type { GroupedRecord, Row } from '../../records/records.ts';
import { coalesceRows } from '../coalesce.ts';
import type { DatabaseWriter } from '../database-writer.ts';
import { StatementError } from '../statement-error.ts';
import { hasCount, ordered, orderedBody, plainBody } from './load-body.ts';
import { reasonOf, refusedRows } from './refused-rows.ts';
import type { DorisSession } from './session.ts';
import { withoutStored } from './stored-versions.ts';
import type { LoadResult, StreamLoader } from './stream-load.ts';
import type { TableTurns } from './table-turns.ts';
import { type DorisTable, IMAGE_TABLE, OBJECT_TABLE, STATE_TABLE, STATE_TABLE_WITHOUT_COUNT } from './tables.ts';

/** The parts of a writer. */
export interface DorisWriterOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  readonly loader: StreamLoader;
  /** Shared by the writers of a sink. */
  readonly turns: TableTurns;
  /** Opens a connection to the MySQL port, or rejects with a SinkError. */
  readonly openSession: () => Promise<DorisSession>;
}

/** Rows of one table that Doris refused. */
class RefusedRows {
  readonly error: StatementError;
  /** Undefined where Doris didn't say which. */
  readonly rows: ReadonlySet<Row> | undefined;

  constructor(error: StatementError, rows: ReadonlySet<Row> | undefined) {
    this.error = error;
    this.rows = rows;
  }
}

/** Creates a writer; it connects at its first load. */
export function createDorisWriter({ name, loader, turns, openSession }: DorisWriterOptions): DatabaseWriter {
  let session: DorisSession | undefined;
  let closed = false;

  /** Runs `work` on the open connection. After a failure the next call opens another one. */
  async function withSession<T>(work: (session: DorisSession) => Promise<T>): Promise<T> {
    const current = session ?? (await openSession());
    session = undefined;
    try {
      const result = await work(current);
      if (closed) current.close();
      else session = current;
      return result;
    } catch (error) {
      current.close();
      throw error;
    }
  }

  async function requirePublished(table: DorisTable): Promise<void> {
    const label = turns.unpublished(table.name);
    if (label === undefined) return;
    const state = await loader.stateOf(label);
    if (state === 'COMMITTED') throw new SinkError(name, 'unavailable', `not_published ${table.name}`);
    turns.published(table.name);
  }

  async function loadVersioned(table: DorisTable, rows: readonly Row[]): Promise<RefusedRows | undefined> {
    return rows.length === 0 ? undefined : turns.take(table.name, () => loadMissing(table, rows));
  }

  async function loadMissing(table: DorisTable, rows: readonly Row[]): Promise<RefusedRows | undefined> {
    await requirePublished(table);
    const missing = await withSession((current) => withoutStored(current, table, ordered(rows)));
    if (missing.length === 0) return undefined;
    const result = await loader.load(table, orderedBody(missing));
    return judge(
      table,
      missing.map(({ row }) => row),
      result,
    );
  }

  async function loadPlain(table: DorisTable, rows: readonly Row[]): Promise<RefusedRows | undefined> {
    return rows.length === 0 ? undefined : judge(table, rows, await loader.load(table, plainBody(rows)));
  }

  function judge(table: DorisTable, rows: readonly Row[], result: LoadResult): RefusedRows | undefined {
    if (result.kind === 'stored') {
      if (!result.visible) turns.committed(table.name, result.label);
      return undefined;
    }
    const { detail, column, about } = reasonOf(result.errorLog, table);
    const place = column === undefined ? table.name : `${table.name}.${column}`;
    const error = new StatementError(name, 'rejected', detail, { table: table.kind, place, about });
    return new RefusedRows(error, refusedRows(result.errorLog, result.rows, { table, rows }));
  }

  /** Loads the rows of `records`. Objects last: a record that another table refuses then has none. */
  async function loadAll(records: readonly GroupedRecord[]): Promise<RefusedRows | undefined> {
    const { objects, states, images } = coalesceRows(records);
    return (
      (await loadVersioned(IMAGE_TABLE, images)) ??
      (await loadVersioned(
        STATE_TABLE,
        states.filter((row) => hasCount(row)),
      )) ??
      (await loadVersioned(
        STATE_TABLE_WITHOUT_COUNT,
        states.filter((row) => !hasCount(row)),
      )) ??
      (await loadPlain(OBJECT_TABLE, objects))
    );
  }

  return {
    async store(records) {
      const refused = await loadAll(records);
      if (refused === undefined) return [];
      const { rows, error } = refused;
      const bad = records.filter((record) =>
        [record.object, record.state, record.image].some((row) => row !== null && rows?.has(row)),
      );
      if (bad.length === 0 || records.length === 1) throw error;
      return bad.map(({ file }) => ({ file, error }));
    },
    async close() {
      closed = true;
      loader.close();
      session?.close();
    },
  };
}
