import { map, type OperatorFunction } from 'rxjs';
import type { Batch, BatchRecord } from '../records/records.ts';

/**
 * Changes every record of a batch, e.g. to hide a field of its rows. `change` must return a record of the same source, and the same for the
 * same record: it is also called for the rows that replace those of a removed or rejected record. `state` and `image` may be null.
 */
export function mapRecords<R extends BatchRecord, S extends BatchRecord = R>(
  change: (record: R) => S,
): OperatorFunction<Batch<R>, Batch<S>> {
  return map(({ withAllRows, ...batch }) => {
    const changed: Batch<S> = { ...batch, grouped: batch.grouped.map(change) };
    if (withAllRows === undefined) return changed;
    let complete: Promise<readonly S[]> | undefined;
    return {
      ...changed,
      withAllRows: () => {
        complete ??= withAllRows().then((records) => records.map(change));
        return complete;
      },
    };
  });
}
