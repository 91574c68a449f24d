/** The Doris sink with a double of a Doris cluster. Its rate says nothing of a real Doris, its CPU is that of the sink. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { migrateDoris } from '../../src/databases/doris/migrate.ts';
import { createDorisSink } from '../../src/databases/doris/sink.ts';
import type { BenchDatabase } from './contender.ts';

export async function openDorisBench(): Promise<BenchDatabase> {
  const double = fork(new URL('./doris-double.js', import.meta.url));
  const [dsn] = (await once(double, 'message')) as [string];
  await migrateDoris(dsn);
  return {
    name: 'doris (double)',
    sink: (connections) => createDorisSink({ name: 'bench', dsn: () => dsn, connections }),
    // Every key is new, so that the double's rows of earlier rounds change nothing.
    empty: async () => undefined,
    drop: async () => void double.disconnect(),
  };
}
