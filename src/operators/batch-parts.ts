import { type Batch, type BatchRecord, type Origin, sourceOf } from '../records/records.ts';
import { hasRows, regroup } from './regroup.ts';

/**
 * The parts of batches with the records that `wanted` accepts. Batches without such a record are omitted. A batch of only such records is
 * returned itself: one that is divided again and again would otherwise grow with each time.
 */
export function partsOf<R extends BatchRecord>(
  batches: readonly Batch<R>[],
  wanted: (origin: Origin) => boolean,
): readonly Batch<R>[] {
  const isWanted = (record: R) => wanted(sourceOf(record).origin);
  return batches.flatMap((batch) => {
    const origins = batch.origins.filter(wanted);
    if (origins.length === 0) return [];
    if (origins.length === batch.origins.length) return batch;
    return {
      ...batch,
      origins,
      grouped: batch.grouped.filter(isWanted),
      poison: batch.poison.filter(({ source }) => wanted(source.origin)),
      withAllRows: async () => ((await batch.withAllRows?.()) ?? batch.grouped).filter(isWanted),
    };
  });
}

/**
 * As `partsOf`, for parts that are published in different transactions: each is grouped on its own. Otherwise a row would be missing whose
 * newer row is in another part and refused later, or never published there.
 */
export async function separateParts<R extends BatchRecord>(
  batches: readonly Batch<R>[],
  wanted: (origin: Origin) => boolean,
): Promise<readonly Batch<R>[]> {
  const parts = await Promise.all(
    batches.map(async (batch) => {
      const [part] = partsOf([batch], wanted);
      if (part === undefined || !mayLackRows(batch, wanted)) return part ?? [];
      return { ...part, grouped: await regroup(part, () => true) };
    }),
  );
  return parts.flat();
}

/** Whether a record that `wanted` accepts may have no row because another one has a newer row of the same key. */
function mayLackRows<R extends BatchRecord>({ grouped }: Batch<R>, wanted: (origin: Origin) => boolean): boolean {
  const rows = grouped.filter(hasRows);
  const isWanted = (record: BatchRecord) => wanted(sourceOf(record).origin);
  return (['state', 'image'] as const).some(
    (kind) =>
      rows.some((record) => record[kind] === null && isWanted(record)) &&
      rows.some((record) => record[kind] !== null && !isWanted(record)),
  );
}

/** The origins of all records of the batches. */
export function originsOf(batches: readonly Pick<Batch<BatchRecord>, 'origins'>[]): readonly Origin[] {
  return batches.flatMap(({ origins }) => origins);
}
