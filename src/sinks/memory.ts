import type { Sink } from '../ports.ts';
import { isNewer } from '../records/object-row.ts';
import type { GroupedBatch, Row } from '../records/records.ts';

/** A database in memory that obeys the tables' rule (the greater version wins): what tests hold the real ones against. */
export interface MemoryDatabase extends Sink {
  readonly objects: ReadonlyMap<string, Row>;
  readonly states: ReadonlyMap<string, Row>;
  readonly images: ReadonlyMap<string, Row>;
}

export function createMemoryDatabase(name = 'memory'): MemoryDatabase {
  const objects = new Map<string, Row>();
  const states = new Map<string, Row>();
  const images = new Map<string, Row>();
  return {
    name,
    objects,
    states,
    images,
    connect: async () => undefined,
    async write(batch: GroupedBatch) {
      for (const { object, state, image } of batch.grouped) {
        upsert(objects, object);
        if (state !== null) upsert(states, state);
        if (image !== null) upsert(images, image);
      }
      return [];
    },
    close: async () => undefined,
  };
}

function upsert(table: Map<string, Row>, row: Row): void {
  const stored = table.get(row.identity);
  if (stored === undefined || isNewer(row.version, stored.version)) table.set(row.identity, row);
}
