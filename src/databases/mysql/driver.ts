import type { DatabaseDriver } from '../driver.ts';
import { lazySink } from '../lazy-sink.ts';
import { TLS_FAILURE } from '../network-errors.ts';
import { checkMysqlDsn, describeMysqlDsn } from './dsn.ts';

const OPTIONS = {} as const;

/** The driver of MySQL and MariaDB. */
export const mysql: DatabaseDriver<typeof OPTIONS> = {
  description: {
    title: 'MySQL',
    drizzle: { dialect: 'mysql', schema: './src/databases/mysql/schema.ts', out: './drizzle/mysql' },
    advice: [
      [/^(1045|1130|1698|1820|1862|3118|login_failed)$/, 'the server refused the login; check user, password and host'],
      [/^1049$/, 'there is no such database; create it first'],
      [/^(1044|1142|1143|1227)$/, 'the user lacks a privilege; docs/tables.md lists what each step needs'],
      [/^(1146|1054)$/, 'run wado-consumer migrate with a user that may create tables'],
      [TLS_FAILURE, 'the TLS connection failed; check ssl-mode and ssl-ca in the DSN'],
      [/^3159$/, 'the server accepts TLS only; set ssl-mode in the DSN'],
      [/^(1290|1792|1836)$/, 'the server is read-only; point the DSN at the primary'],
      [/^(1040|1203|1226)$/, 'the server has no connection left; raise max_connections or lower max_in_flight'],
      [/^(1021|1114)$/, "the server's disk is full"],
      [/^(1205|3572|migration_lock)$/, 'another session holds a lock on the tables; try again when it has ended'],
      [
        /:(charset|collation|engine|key|unique_index)\b/,
        'the tables do not fit; docs/tables.md says how to change them',
      ],
      [/^(max_allowed_packet|innodb_flush_log_at_trx_commit):/, 'change this setting of the server'],
    ],
  },
  options: OPTIONS,
  checkDsn: checkMysqlDsn,
  describe: describeMysqlDsn,
  createSink: ({ options: _, ...settings }) =>
    lazySink(settings.name, async () => (await import('./sink.ts')).createMysqlSink(settings)),
  migrate: async ({ dsn, name, dryRun }) => (await import('./migrate.ts')).migrateMysql(dsn, { name, dryRun }),
};
