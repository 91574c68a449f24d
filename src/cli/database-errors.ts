import type { DatabaseDriver } from '../databases/driver.ts';
import { TLS_FAILURE } from '../databases/network-errors.ts';
import { SinkError } from '../errors.ts';
import { CliError, EXIT } from './cli-error.ts';

/** The database that a verb uses. */
export interface UsedDatabase {
  readonly driver: Pick<DatabaseDriver, 'describe' | 'description'>;
  readonly dsn: string;
}

/** Runs what a verb does with a database. A failure ends the verb with the address, the server's code and what to do about it. */
export async function withDatabase<T>(
  action: string,
  name: string,
  { driver, dsn }: UsedDatabase,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    const address = driver.describe(dsn);
    const place = address === undefined ? name : `${name} (${address})`;
    const advice = adviceFor(error, driver);
    throw new CliError(EXIT.broke, `${action} ${place} failed: ${error.detail}: ${advice}`, { cause: error });
  }
}

/** What to do about a failure, by the server's code if that says more than our own. */
function adviceFor({ code, detail }: SinkError, { description }: UsedDatabase['driver']): string {
  return [...description.advice, ...BY_DETAIL].find(([pattern]) => pattern.test(detail))?.[1] ?? BY_CODE[code];
}

/** For every database. */
const BY_DETAIL: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'the host name does not resolve; check the DSN'],
  [/^(ECONNREFUSED|EHOST|ENET|ETIMEDOUT|connect_timeout)/, 'nothing answers there; check host, port and firewall'],
  [/:missing\b/, 'run wado-consumer migrate with a user that may create tables'],
  [/:(type|not_null)\b|^encoding:/, 'the tables do not fit what the service writes; docs/tables.md lists the columns'],
  [TLS_FAILURE, 'the TLS connection failed; check the certificate settings of the DSN'],
];

const BY_CODE: Readonly<Record<SinkError['code'], string>> = {
  unavailable: 'the server is not available; try again when it is',
  timeout: 'the server did not answer in time; try again',
  conflict: 'another session holds a lock; try again',
  rejected: 'the server refused the statement; docs/dispositions.md lists the codes',
  misconfigured: 'the database or its settings do not fit; docs/dispositions.md lists the codes',
  unknown: "an error that the service does not know; see the server's log",
};
