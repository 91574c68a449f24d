import { type Batch, type BatchRecord, type Origin, sourceOf } from '../records/records.ts';

/** The parts of batches with the records that `wanted` accepts. Batches without such a record are omitted. */
export function partsOf<R extends BatchRecord>(
  batches: readonly Batch<R>[],
  wanted: (origin: Origin) => boolean,
): readonly Batch<R>[] {
  const isWanted = (record: R) => wanted(sourceOf(record).origin);
  return batches
    .map((batch) => ({
      ...batch,
      origins: batch.origins.filter(wanted),
      grouped: batch.grouped.filter(isWanted),
      poison: batch.poison.filter(({ source }) => wanted(source.origin)),
      withAllRows: async () => ((await batch.withAllRows?.()) ?? batch.grouped).filter(isWanted),
    }))
    .filter(({ origins }) => origins.length > 0);
}

/** The origins of all records of the batches. */
export function originsOf(batches: readonly Pick<Batch<BatchRecord>, 'origins'>[]): readonly Origin[] {
  return batches.flatMap(({ origins }) => origins);
}
