import type { Origin, StoredBatch } from '../records/records.ts';

/** The partitions in which no record may be committed at present, and their batches in the order of consumption. */
export interface HeldPartitions {
  readonly batches: readonly StoredBatch[];
  /** Holds the partitions of these records. */
  hold(origins: readonly Origin[]): void;
  /** Keeps the records of held partitions. Returns the rest of the batches; an empty batch is omitted. */
  keep(batches: readonly StoredBatch[]): readonly StoredBatch[];
  /** Removes the first `count` kept batches, which are committed. When none is left, no partition is held any more. */
  committed(count: number): void;
}

/** Starts without held partitions. `partitionOf` names the partition of a record. */
export function createHeldPartitions(partitionOf: (origin: Origin) => string): HeldPartitions {
  const partitions = new Set<string>();
  const kept: StoredBatch[] = [];
  const isHeld = (origin: Origin) => partitions.has(partitionOf(origin));
  return {
    batches: kept,
    hold: (origins) => {
      for (const origin of origins) partitions.add(partitionOf(origin));
    },
    keep: (batches) => {
      if (partitions.size === 0) return batches;
      kept.push(...partsOf(batches, isHeld));
      return partsOf(batches, (origin) => !isHeld(origin));
    },
    committed: (count) => {
      kept.splice(0, count);
      if (kept.length === 0) partitions.clear();
    },
  };
}

function partsOf(batches: readonly StoredBatch[], wanted: (origin: Origin) => boolean): readonly StoredBatch[] {
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
