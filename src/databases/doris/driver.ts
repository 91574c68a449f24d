import type { DatabaseDriver } from '../driver.ts';
import { lazySink } from '../lazy-sink.ts';
import { TLS_FAILURE } from '../network-errors.ts';
import { checkDorisDsn, describeDorisDsn } from './dsn.ts';

const OPTIONS = {
  /** A load starts when its oldest batch has waited this long, */
  load_period: { kind: 'duration', least: '0s', most: '1m', default: 1_000 },
  /** or when this many bytes wait. Also the maximum size of one load. */
  load_bytes: { kind: 'size', least: '64KiB', most: '512MiB', default: 32 * 1024 * 1024 },
  /** Whether the body of a load is compressed. */
  gzip: { kind: 'boolean', default: false },
} as const;

/** The Apache Doris driver. */
export const doris: DatabaseDriver<typeof OPTIONS> = {
  description: {
    title: 'Apache Doris',
    advice: [
      [/^login_refused/, 'Doris refused the login; check user and password in the DSN'],
      [TLS_FAILURE, 'the TLS connection failed; check tls and tls_ca in the DSN'],
      [/^access_denied/, 'the user lacks a privilege; docs/tables.md lists what each step needs'],
      [/^database:missing/, 'there is no such database; create it first'],
      [/^no_backend/, 'no BE of the cluster is alive; see SHOW BACKENDS'],
      [/^redirect:/, 'the FE names a BE that the DSN does not trust; see backends in docs/configuration.md'],
      [/:(key|model|sequence)\b/, 'the table has another key model; create it in an empty database with migrate'],
    ],
  },
  options: OPTIONS,
  checkDsn: checkDorisDsn,
  describe: describeDorisDsn,
  lingerMs: ({ load_period }) => load_period,
  createSink: ({ options, ...settings }) =>
    lazySink(settings.name, async () =>
      (await import('./sink.ts')).createDorisSink({
        ...settings,
        loadPeriodMs: options.load_period,
        loadBytes: options.load_bytes,
        gzip: options.gzip,
      }),
    ),
  migrate: async ({ dsn, name, dryRun }) => (await import('./migrate.ts')).migrateDoris(dsn, { name, dryRun }),
};
