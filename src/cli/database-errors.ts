import { SinkError } from '../errors.ts';
import { CliError, EXIT } from './cli-error.ts';

/** Runs what a verb does with a database. A failure ends the verb with the address, the server's code and what to do about it. */
export async function withDatabase<T>(action: string, name: string, dsn: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    const address = databaseAddress(dsn);
    const place = address === undefined ? name : `${name} (${address})`;
    throw new CliError(EXIT.broke, `${action} ${place} failed: ${error.detail}: ${adviceFor(error)}`, { cause: error });
  }
}

/** `host:port/database` of a DSN, without user and password. Undefined where the DSN can't be split safely: it holds a password. */
export function databaseAddress(dsn: string): string | undefined {
  const [, host, path] = /^\w+:\/\/(?:[^/@]*@)?([^/?@]*)(?:\/([^?@]*))?(?:\?[^@]*)?$/.exec(dsn) ?? [];
  if (host === undefined) return undefined;
  return `${host}${path === undefined || path === '' ? '' : `/${path}`}`;
}

/** What to do about a failure, by the server's code where it says more than our own. */
function adviceFor({ code, detail }: SinkError): string {
  return BY_DETAIL.find(([pattern]) => pattern.test(detail))?.[1] ?? BY_CODE[code];
}

const BY_DETAIL: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'the host name does not resolve; check the DSN'],
  [/^(ECONNREFUSED|EHOST|ENET|ETIMEDOUT|connect_timeout)/, 'nothing answers there; check host, port and firewall'],
  [/^(28|sasl_failed)/, 'the server refused the login; check user, password and pg_hba.conf'],
  [/^3D000$/, 'there is no such database; create it first'],
  [/^42501$/, 'the user lacks a privilege; docs/tables.md lists what each step needs'],
  [/:missing\b|^42P01$|^42703$/, 'run wado-consumer migrate with a user that may create tables'],
  [/:(type|not_null)\b|^encoding:/, 'the tables do not fit what the service writes; docs/tables.md lists the columns'],
  [
    /^(tls_|CERT_|ERR_TLS_|SELF_SIGNED_|UNABLE_TO_)/,
    'the TLS connection failed; check sslmode and sslrootcert in the DSN',
  ],
  [/^25006$/, 'the server is read-only; point the DSN at the primary'],
  [/^53300$/, 'the server has no connection left; raise max_connections or lower max_in_flight'],
  [/^53100$/, "the server's disk is full"],
  [/^(55P03|55006)$/, 'another session holds a lock on the tables; try again when it has ended'],
];

const BY_CODE: Readonly<Record<SinkError['code'], string>> = {
  unavailable: 'the server is not available; try again when it is',
  timeout: 'the server did not answer in time; try again',
  conflict: 'another session holds a lock; try again',
  rejected: 'the server refused the statement; docs/dispositions.md lists the codes',
  misconfigured: 'the database or its settings do not fit; docs/dispositions.md lists the codes',
  unknown: "an error that the service does not know; see the server's log",
};
