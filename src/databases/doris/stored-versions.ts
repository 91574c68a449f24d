/**
 * Decides between two versions of a row with the same number in the sequence column. Doris would keep the later one of them, whatever their
 * trace ids, and write a row again on a replay. So before a load, the rows that the tables hold with one of its numbers are read. Segments
 * whose range of numbers doesn't contain any aren't read, so that this costs new records almost nothing.
 */
import { compareVersions } from '../../records/version.ts';
import type { OrderedRow } from './load-body.ts';
import type { DorisSession } from './session.ts';
import { type DorisTable, SOURCE_ORDER } from './tables.ts';

const ORDERS_PER_QUERY = 1_000;

/** The rows of `rows` that the table doesn't have yet: neither the same version nor, among equal numbers, a greater one. */
export async function withoutStored(
  session: Pick<DorisSession, 'query'>,
  table: DorisTable,
  rows: readonly OrderedRow[],
): Promise<readonly OrderedRow[]> {
  const stored = new Map<string, string>();
  const orders = [...new Set(rows.map(({ order }) => order))];
  for (let at = 0; at < orders.length; at += ORDERS_PER_QUERY) {
    const found = await session.query(queryOf(table, orders.slice(at, at + ORDERS_PER_QUERY)));
    for (const row of found) {
      const identity = table.key.map((column) => String(row[column])).join('\0');
      stored.set(`${identity}\0${row[SOURCE_ORDER]}`, String(row.source_trace_id));
    }
  }
  return rows.filter(({ row, order }) => {
    const traceId = stored.get(`${row.identity}\0${order}`);
    return traceId === undefined || compareVersions({ time: row.version.time, traceId }, row.version) < 0;
  });
}

// The numbers are digits only, so they need no quoting.
function queryOf(table: DorisTable, orders: readonly string[]): string {
  const columns = [...table.key, SOURCE_ORDER, 'source_trace_id'].map((column) => `\`${column}\``).join(', ');
  return `select ${columns} from \`${table.name}\` where \`${SOURCE_ORDER}\` in (${orders.join(', ')})`;
}
