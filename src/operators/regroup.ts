import { newestPerKey } from '../records/newest-per-key.ts';
import type { GroupedBatch, GroupedRecord, PublishedRow } from '../records/records.ts';

/** The records of a batch that `keep` accepts, grouped without the others: the greatest version of each key carries its row. */
export async function regroup(
  batch: GroupedBatch,
  keep: (record: GroupedRecord) => boolean,
): Promise<readonly GroupedRecord[]> {
  const records = ((await batch.withAllRows?.()) ?? batch.grouped).filter(keep);
  const states = new Set(newestPerKey(records.map(({ state }) => state)).values());
  const images = new Set(newestPerKey(records.map(({ image }) => image)).values());
  return records.map((record) => ({
    ...record,
    state: record.state !== null && states.has(record.state) ? record.state : null,
    image: record.image !== null && images.has(record.image) ? record.image : null,
  }));
}

/** The records of `again` with a row that `before` lacks, and with these rows only. */
export function rowsNotIn(before: readonly GroupedRecord[], again: readonly GroupedRecord[]): readonly GroupedRecord[] {
  const states = new Set(before.flatMap(({ state }) => (state === null ? [] : nameOf(state))));
  const images = new Set(before.flatMap(({ image }) => (image === null ? [] : nameOf(image))));
  return again
    .map((record) => ({
      ...record,
      state: record.state !== null && !states.has(nameOf(record.state)) ? record.state : null,
      image: record.image !== null && !images.has(nameOf(record.image)) ? record.image : null,
    }))
    .filter(({ state, image }) => state !== null || image !== null);
}

function nameOf({ identity, version }: PublishedRow): string {
  return `${version.time} ${version.traceId} ${identity}`;
}
