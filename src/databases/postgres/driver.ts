import type { DatabaseDriver } from '../driver.ts';
import { lazySink } from '../lazy-sink.ts';
import { checkPostgresDsn } from './dsn.ts';

/** The PostgreSQL driver. */
export const postgres: DatabaseDriver = {
  description: {
    title: 'PostgreSQL',
    migrations: { dialect: 'postgresql', schema: './src/databases/postgres/schema.ts', out: './drizzle/pg' },
  },
  checkDsn: checkPostgresDsn,
  createSink: (options) => lazySink(options.name, async () => (await import('./sink.ts')).createPostgresSink(options)),
  migrate: async (dsn, name) => (await import('./migrate.ts')).migratePostgres(dsn, { name }),
};
