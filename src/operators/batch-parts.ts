import type { Origin, StoredBatch } from '../records/records.ts';

/** The parts of batches with the records that `wanted` accepts. Batches without such a record are omitted. */
export function partsOf(batches: readonly StoredBatch[], wanted: (origin: Origin) => boolean): readonly StoredBatch[] {
  return batches
    .map((batch) => ({
      ...batch,
      origins: batch.origins.filter(wanted),
      grouped: batch.grouped.filter(({ file }) => wanted(file.source.origin)),
      poison: batch.poison.filter(({ source }) => wanted(source.origin)),
      withAllRows: async () =>
        ((await batch.withAllRows?.()) ?? batch.grouped).filter(({ file }) => wanted(file.source.origin)),
    }))
    .filter(({ origins }) => origins.length > 0);
}

/** The origins of all records of the batches. */
export function originsOf(batches: readonly StoredBatch[]): readonly Origin[] {
  return batches.flatMap(({ origins }) => origins);
}
