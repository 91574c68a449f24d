import { mergeMap, type OperatorFunction } from 'rxjs';
import { type Batch, type BatchRecord, type Origin, sourceOf } from '../records/records.ts';
import { withoutRejected } from './fork-to.ts';

/**
 * Removes the records that `keep` refuses from their batches: no sink gets them, and they are acknowledged with the others. If a removed
 * record had the greatest version of a key, the next greatest one of the batch is stored and published.
 */
export function keepRecords<R extends BatchRecord>(keep: (record: R) => boolean): OperatorFunction<Batch<R>, Batch<R>> {
  return mergeMap(async (batch) => {
    const removed = new Set<Origin>();
    for (const record of batch.grouped) if (!keep(record)) removed.add(sourceOf(record).origin);
    return removed.size === 0 ? batch : await withoutRejected(batch, removed);
  });
}
