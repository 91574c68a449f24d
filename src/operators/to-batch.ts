import { map, type OperatorFunction } from 'rxjs';
import type { Batch, PoisonRecord, Processed } from '../records/records.ts';

/** Makes a batch for the sinks of what `parseValues` emitted: the values in `grouped`, the invalid records in `poison`. */
export function toBatch<T>(): OperatorFunction<readonly (Processed<T> | PoisonRecord)[], Batch<Processed<T>>> {
  return map((records) => ({
    origins: records.map(({ source }) => source.origin),
    grouped: records.filter((record): record is Processed<T> => !isPoison(record)),
    poison: records.filter(isPoison),
    closedAt: performance.now(),
  }));
}

function isPoison(record: Processed<unknown> | PoisonRecord): record is PoisonRecord {
  return 'kind' in record;
}
