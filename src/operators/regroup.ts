import { newestPerKey } from '../records/newest-per-key.ts';
import type { Batch, BatchRecord, GroupedRecord, PublishedRow } from '../records/records.ts';

/** Whether the record has rows of the three tables. Those of other topologies have none. */
export function hasRows<R extends BatchRecord>(record: R): record is R & GroupedRecord {
  return 'state' in record && 'image' in record;
}

/** The records of a batch that `keep` accepts, grouped without the others: the greatest version of each key carries its row. */
export async function regroup<R extends BatchRecord>(
  batch: Batch<R>,
  keep: (record: R) => boolean,
): Promise<readonly R[]> {
  const records = ((await batch.withAllRows?.()) ?? batch.grouped).filter(keep);
  const rows = records.filter(hasRows);
  const states = new Set(newestPerKey(rows.map(({ state }) => state)).values());
  const images = new Set(newestPerKey(rows.map(({ image }) => image)).values());
  return records.map((record) =>
    withRows(
      record,
      (row) => states.has(row),
      (row) => images.has(row),
    ),
  );
}

/** The records of `again` with a row that `before` lacks, and with these rows only. */
export function rowsNotIn<R extends BatchRecord>(before: readonly R[], again: readonly R[]): readonly R[] {
  const written = before.filter(hasRows);
  const states = new Set(written.flatMap(({ state }) => (state === null ? [] : nameOf(state))));
  const images = new Set(written.flatMap(({ image }) => (image === null ? [] : nameOf(image))));
  return again
    .map((record) =>
      withRows(
        record,
        (row) => !states.has(nameOf(row)),
        (row) => !images.has(nameOf(row)),
      ),
    )
    .filter((record) => hasRows(record) && (record.state !== null || record.image !== null));
}

/** The record with those of its rows that are accepted. A record without rows stays as it is. */
function withRows<R extends BatchRecord>(
  record: R,
  isState: (row: PublishedRow) => boolean,
  isImage: (row: PublishedRow) => boolean,
): R {
  if (!hasRows(record)) return record;
  const { state, image } = record;
  return {
    ...record,
    state: state !== null && isState(state) ? state : null,
    image: image !== null && isImage(image) ? image : null,
  };
}

function nameOf({ identity, version }: PublishedRow): string {
  return `${version.time} ${version.traceId} ${identity}`;
}
