/** Finds the records that a database refuses, and stores the others. */
import { SinkError } from '../errors.ts';
import type { GroupedRecord, Rejection } from '../records/records.ts';

/**
 * Stores `units` in one statement; when the database rejects their data, halves them until each record at fault stands alone. Those
 * are returned. k bad records among n cost at most 2k·log2(n) further statements. Rejects with whatever `store` rejects with that isn't about
 * the data; storing everything again is then harmless.
 *
 * Every statement is coalesced from its own units: where a record that won a series is at fault, the runner-up from another batch
 * is stored in its stead. Within one batch there is no runner-up (only the winner carries the state): its rejection sends the caller
 * back to group the batch without it.
 */
export async function storeOrReject(
  units: readonly GroupedRecord[],
  store: (units: readonly GroupedRecord[]) => Promise<void>,
): Promise<readonly Rejection[]> {
  try {
    await store(units);
    return [];
  } catch (error) {
    if (!(error instanceof SinkError) || error.code !== 'rejected') throw error;
    const [only] = units;
    if (only !== undefined && units.length === 1) return [{ file: only.file, error }];
  }
  const middle = Math.ceil(units.length / 2);
  const first = await storeOrReject(units.slice(0, middle), store);
  const second = await storeOrReject(units.slice(middle), store);
  return [...first, ...second];
}
