import type { Sink } from '../ports.ts';
import type { GroupedBatch, Row } from '../records/records.ts';
import { compareVersions } from '../records/version.ts';

/** A database in memory that keeps the greater version, like the tables. Tests compare the real databases with it. */
export interface MemoryDatabase extends Sink {
  readonly objects: ReadonlyMap<string, Row>;
  readonly states: ReadonlyMap<string, Row>;
  readonly images: ReadonlyMap<string, Row>;
}

/** Creates an empty database in memory. */
export function createMemoryDatabase(name = 'memory'): MemoryDatabase {
  const objects = new Map<string, Row>();
  const states = new Map<string, Row>();
  const images = new Map<string, Row>();
  return {
    name,
    objects,
    states,
    images,
    storesByVersion: true,
    connect: async () => undefined,
    async write(batch: GroupedBatch) {
      for (const { object, state, image } of batch.grouped) {
        if (object !== null) upsert(objects, object);
        if (state !== null) upsert(states, state, keepInstanceCount);
        if (image !== null) upsert(images, image);
      }
      return [];
    },
    close: async () => undefined,
  };
}

function upsert(table: Map<string, Row>, row: Row, merge = (_stored: Row, newer: Row) => newer): void {
  const stored = table.get(row.identity);
  if (stored === undefined) table.set(row.identity, row);
  else if (compareVersions(row.version, stored.version) > 0) table.set(row.identity, merge(stored, row));
}

/** A record without `series_related_instances` keeps the stored value, which another service fills. */
function keepInstanceCount(stored: Row, newer: Row): Row {
  const fields = JSON.parse(String(newer.json));
  if (fields.series_related_instances != null) return newer;
  const { series_related_instances } = JSON.parse(String(stored.json));
  if (series_related_instances == null) return newer;
  return { ...newer, json: Buffer.from(JSON.stringify({ ...fields, series_related_instances })) };
}
