import type { DatabaseDriver } from '../driver.ts';
import { lazySink } from '../lazy-sink.ts';
import { TLS_FAILURE } from '../network-errors.ts';
import { checkPostgresDsn, describePostgresDsn } from './dsn.ts';

const OPTIONS = {
  /** Whether the write statement is prepared once per connection; false behind a pooler in transaction mode. */
  prepare: { kind: 'boolean', default: true },
  /** Whether new rows are stored with COPY; needs `prepare`. */
  copy: { kind: 'boolean', default: true },
} as const;

/** The PostgreSQL driver. */
export const postgres: DatabaseDriver<typeof OPTIONS> = {
  description: {
    title: 'PostgreSQL',
    drizzle: { dialect: 'postgresql', schema: './src/databases/postgres/schema.ts', out: './drizzle/pg' },
    advice: [
      [/^(28|sasl_failed)/, 'the server refused the login; check user, password and pg_hba.conf'],
      [/^3D000$/, 'there is no such database; create it first'],
      [/^42501$/, 'the user lacks a privilege; docs/tables.md lists what each step needs'],
      [/^(42P01|42703)$/, 'run wado-consumer migrate with a user that may create tables'],
      [TLS_FAILURE, 'the TLS connection failed; check sslmode and sslrootcert in the DSN'],
      [/^25006$/, 'the server is read-only; point the DSN at the primary'],
      [/^53300$/, 'the server has no connection left; raise max_connections or lower max_in_flight'],
      [/^53100$/, "the server's disk is full"],
      [/^(55P03|55006)$/, 'another session holds a lock on the tables; try again when it has ended'],
    ],
  },
  options: OPTIONS,
  checkDsn: checkPostgresDsn,
  describe: describePostgresDsn,
  createSink: ({ options, ...settings }) =>
    lazySink(settings.name, async () => (await import('./sink.ts')).createPostgresSink({ ...settings, ...options })),
  migrate: async ({ dsn, name, dryRun }) => (await import('./migrate.ts')).migratePostgres(dsn, { name, dryRun }),
};
