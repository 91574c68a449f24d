/** A sink that stores the three tables in one JSON file. It shows what a sink has to do; a file is no place for many rows. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { GroupedBatch, Row, Sink } from 'wado-consumer';

export type Table = 'object' | 'state' | 'image';

/** A row with its version, by which the newer one of two rows is found. */
interface Stored {
  readonly time: string;
  readonly traceId: string;
  readonly columns: Record<string, unknown>;
}
type Tables = Record<Table, Record<string, Stored>>;

export function readTables(file: string): Tables {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { object: {}, state: {}, image: {} };
}

export function createFileSink(file: string): Sink {
  return {
    name: 'file',
    // It keeps the greatest version of each key, so a replay writes to it again without harm.
    storesByVersion: true,
    connect: async () => undefined,
    async write(batch: GroupedBatch) {
      const tables = readTables(file);
      for (const { object, state, image } of batch.grouped) {
        if (object !== null) keep(tables.object, object);
        if (state !== null) keep(tables.state, state);
        if (image !== null) keep(tables.image, image);
      }
      // The file is complete at every moment: the rename is atomic.
      writeFileSync(`${file}.new`, JSON.stringify(tables));
      renameSync(`${file}.new`, file);
      return [];
    },
    close: async () => undefined,
  };
}

function keep(table: Record<string, Stored>, { identity, version, json }: Row): void {
  const known = table[identity];
  if (known !== undefined && !isNewer(version, known)) return;
  const columns = JSON.parse(json.toString());
  // Another service fills this column: a record without a value keeps it.
  if ('series_related_instances' in columns)
    columns.series_related_instances ??= known?.columns.series_related_instances ?? null;
  table[identity] = { ...version, columns };
}

function isNewer(version: Row['version'], known: Stored): boolean {
  if (version.time !== known.time) return version.time > known.time;
  return Buffer.compare(Buffer.from(version.traceId), Buffer.from(known.traceId)) > 0;
}
