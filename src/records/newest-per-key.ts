import type { Row } from './records.ts';
import { compareVersions } from './version.ts';

/** The row with the greatest version of each key, by identity. Of equal versions, the first counts; null is skipped. */
export function newestPerKey<R extends Row>(rows: readonly (R | null)[]): ReadonlyMap<string, R> {
  const newest = new Map<string, R>();
  for (const row of rows) {
    if (row === null) continue;
    const other = newest.get(row.identity);
    if (other === undefined || compareVersions(row.version, other.version) > 0) newest.set(row.identity, row);
  }
  return newest;
}
