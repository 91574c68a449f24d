import type { DemoDatabase } from './demo-database.ts';
import { connectTableCounter, type TableCounter } from './table-counts.ts';

export type { TableCounter, TableCounts } from './table-counts.ts';

/** A connection apart from the service's, to read what it wrote. */
export async function connectCounter({ driver, dsn }: Pick<DemoDatabase, 'driver' | 'dsn'>): Promise<TableCounter> {
  if (driver === 'postgres') return connectTableCounter(dsn);
  return (await import('./mysql-counts.ts')).connectMysqlCounter(dsn);
}
