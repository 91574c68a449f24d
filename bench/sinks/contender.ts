import type { Sink } from '../../src/ports.ts';
import type { BenchBatch, TableRows } from './batches.ts';

/** One way of storing batches. `write` resolves when the batch is committed. */
export interface Way {
  write(batch: BenchBatch): Promise<unknown>;
  close(): Promise<void>;
}

/** A database with the tables of the service, and the ways of storing rows that are compared. */
export interface BenchDatabase {
  readonly name: string;
  /** The service's sink with this number of connections. */
  sink(connections: number): Sink;
  /** The engine's own bulk load into the same tables, a transaction per batch: COPY, LOAD DATA. The rows are encoded beforehand. */
  bulk?(connections: number): Promise<Way>;
  /** The same bulk load of records that are encoded when they are written, by the sink's own encoder. MySQL's has no lines for LOAD DATA. */
  encodedBulk?(connections: number): Promise<Way>;
  /** Drizzle's `insert().values()` with its upsert, a statement per table. */
  plain?(connections: number): Way;
  /** Removes all rows. */
  empty(): Promise<void>;
  drop(): Promise<void>;
}

/** The three tables, in the order of their rows in a batch. */
export const TABLES = ['dicom_object_meta', 'dicom_state_meta', 'dicom_image_meta'] as const;

/** The rows of a batch by their tables. */
export function rowsByTable({ rows }: BenchBatch): readonly (readonly [table: string, rows: TableRows])[] {
  return TABLES.flatMap((table, at) => {
    const of = rows[at];
    return of === undefined ? [] : [[table, of] as const];
  });
}

/** Distributes batches over connections, each of which stores one at a time. */
export function overConnections<C>(
  connections: readonly C[],
  write: (connection: C, batch: BenchBatch) => Promise<unknown>,
  close: () => Promise<void>,
): Way {
  const idle = [...connections];
  return {
    async write(batch) {
      const connection = idle.pop();
      if (connection === undefined) throw new Error('more batches than connections');
      await write(connection, batch);
      idle.push(connection);
    },
    close,
  };
}
