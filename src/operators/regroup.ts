import type { GroupedBatch, GroupedRecord, PublishedRow } from '../records/records.ts';
import { compareVersions } from '../records/version.ts';

/** The records of a batch that `keep` accepts, grouped without the others: the greatest version of each key carries its row. */
export async function regroup(
  batch: GroupedBatch,
  keep: (record: GroupedRecord) => boolean,
): Promise<readonly GroupedRecord[]> {
  const records = ((await batch.withAllRows?.()) ?? batch.grouped).filter(keep);
  const states = newestOfEachKey(records.map(({ state }) => state));
  const images = newestOfEachKey(records.map(({ image }) => image));
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

function newestOfEachKey(rows: readonly (PublishedRow | null)[]): ReadonlySet<PublishedRow> {
  const newest = new Map<string, PublishedRow>();
  for (const row of rows) {
    if (row === null) continue;
    const other = newest.get(row.identity);
    if (other === undefined || compareVersions(row.version, other.version) > 0) newest.set(row.identity, row);
  }
  return new Set(newest.values());
}

function nameOf({ identity, version }: PublishedRow): string {
  return `${version.time} ${version.traceId} ${identity}`;
}
