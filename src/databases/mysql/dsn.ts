/**
 * Parses the DSN of MySQL and MariaDB in two forms: a URI as MySQL's own tools have it, `mysql://user:password@host:3306/database`, and
 * the one of Go's driver, which Redpanda Connect uses: `user:password@tcp(host:3306)/database`.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { accountEndsLate, canBeHost } from '../dsn-account.ts';

/** How to verify the server's certificate; `undefined` is no TLS. */
export interface MysqlTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
  /** Whether the certificate must be for the host's name. */
  readonly verifyIdentity: boolean;
}

/** The server and account of a DSN. */
export interface MysqlTarget {
  /** `host:port`, or the path of a Unix socket; for logs and errors. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly socketPath: string | undefined;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: MysqlTls | undefined;
  /** `PREFERRED`: connect without TLS to a server that doesn't offer it. */
  readonly plainIfRefused: boolean;
}

/** The DSN is invalid. The message names the invalid part, never its value: a DSN contains a password. */
export class DsnError extends Error {
  override readonly name = 'DsnError';
}

const FORM =
  'expected mysql://user:password@host:3306/database, other characters in the password percent-encoded, ' +
  'or user:password@tcp(host:3306)/database; an @ after the host must be percent-encoded';
const DEFAULT_PORT = 3306;
const MAX_PORT = 65_535;

type SslMode = 'DISABLED' | 'PREFERRED' | 'REQUIRED' | 'VERIFY_CA' | 'VERIFY_IDENTITY';
const SSL_MODES: readonly SslMode[] = ['DISABLED', 'PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'];

/** The values of Go's `tls`. */
const GO_TLS: Readonly<Record<string, SslMode>> = {
  false: 'DISABLED',
  preferred: 'PREFERRED',
  'skip-verify': 'REQUIRED',
  true: 'VERIFY_IDENTITY',
};

/** Options that change nothing for a service that writes texts in utf8mb4: their accepted values. */
const WITHOUT_EFFECT: Readonly<Record<string, RegExp>> = {
  charset: /^utf8mb4(,utf8)?$/i,
  collation: /^utf8mb4_\w+$/i,
  parseTime: /^(true|false)$/i,
  loc: /^/,
};
const FILES = ['ssl-ca', 'ssl-cert', 'ssl-key'] as const;

/** A DSN in its parts, files not read. */
interface Parts extends Pick<MysqlTarget, 'host' | 'port' | 'socketPath' | 'user' | 'password' | 'database'> {
  readonly mode: SslMode | undefined;
  readonly files: ReadonlyMap<string, string>;
}

/** Returns what is wrong with a DSN, or undefined. Opens nothing. The text contains no part of the DSN but an option's name. */
export function checkMysqlDsn(dsn: string): string | undefined {
  try {
    partsOf(dsn);
    return undefined;
  } catch (error) {
    if (error instanceof DsnError) return error.message;
    throw error;
  }
}

/** `host:port/database`, without user and password; undefined where the DSN can't be split. */
export function describeMysqlDsn(dsn: string): string | undefined {
  try {
    const parts = partsOf(dsn);
    return `${nameOf(parts)}/${parts.database}`;
  } catch {
    return undefined;
  }
}

/**
 * Reads a DSN. Options, in either form: `ssl-mode` is `DISABLED` (default), `PREFERRED`, `REQUIRED` (encrypted, nothing checked),
 * `VERIFY_CA` or `VERIFY_IDENTITY` (authority and host name; the default with `ssl-ca`). `ssl-ca`, `ssl-cert` and `ssl-key` are paths of PEM
 * files, read at every call so that renewed ones are used; without `ssl-ca`, Node's own list counts. In Go's form, `ssl-mode` is `tls`:
 * `false`, `preferred`, `skip-verify` or `true`. Throws a DsnError, or the file system's error if a certificate can't be read.
 */
export function readMysqlDsn(dsn: string): MysqlTarget {
  const { mode, files, ...parts } = partsOf(dsn);
  return { ...parts, name: nameOf(parts), tls: tlsOptions(mode, files), plainIfRefused: mode === 'PREFERRED' };
}

function nameOf({ host, port, socketPath }: Pick<Parts, 'host' | 'port' | 'socketPath'>): string {
  return socketPath ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function partsOf(dsn: string): Parts {
  const parts = /^[a-z][\w+.-]*:\/\//i.test(dsn) ? partsOfUri(dsn) : partsOfGo(dsn);
  // What isn't a host may be a part of the password. Node would throw a RangeError for a port that there can't be.
  if (!canBeHost(parts.host) || parts.port < 1 || parts.port > MAX_PORT) throw new DsnError(FORM);
  // The driver would compare the certificate with "localhost".
  if (parts.mode === 'VERIFY_IDENTITY' && isIP(parts.host) !== 0)
    throw new DsnError('ssl-mode VERIFY_IDENTITY needs a host name, not an address; VERIFY_CA does not');
  return parts;
}

function partsOfUri(dsn: string): Parts {
  if (!dsn.startsWith('mysql://') || accountEndsLate(dsn) || !URL.canParse(dsn)) throw new DsnError(FORM);
  const url = new URL(dsn);
  try {
    const host = decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1'));
    return {
      host: host === '' ? 'localhost' : host,
      port: url.port === '' ? DEFAULT_PORT : Number(url.port),
      socketPath: undefined,
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: databaseOf(decodeURIComponent(url.pathname.slice(1))),
      ...optionsOf(url.searchParams),
    };
  } catch (error) {
    // The URIError of a `%` that encodes nothing.
    throw error instanceof DsnError ? error : new DsnError(FORM);
  }
}

// The account ends at the last @ of the DSN, so that a password may contain any character, and the user at the first colon.
const GO_FORM =
  /^(?:(?<account>.*)@)?(?<net>tcp|unix)(?:\((?<address>[^()]*)\))?\/(?<database>[^/?@]*)(?:\?(?<query>[^@]*))?$/s;

function partsOfGo(dsn: string): Parts {
  const { account = '', net, address = '', database = '', query = '' } = GO_FORM.exec(dsn)?.groups ?? {};
  if (net === undefined || (net === 'unix' && address === '')) throw new DsnError(FORM);
  const colon = account.indexOf(':');
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(net === 'tcp' ? address : '') ?? [];
  if (host === undefined) throw new DsnError(FORM);
  return {
    host: host === '' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? DEFAULT_PORT : Number(port),
    socketPath: net === 'unix' ? address : undefined,
    user: colon < 0 ? account : account.slice(0, colon),
    password: colon < 0 ? '' : account.slice(colon + 1),
    database: databaseOf(database),
    ...optionsOf(new URLSearchParams(query)),
  };
}

function databaseOf(name: string): string {
  if (name === '') throw new DsnError('the database is missing: expected …/database');
  return name;
}

function optionsOf(given: URLSearchParams): Pick<Parts, 'mode' | 'files'> {
  const files = new Map<string, string>();
  let mode: SslMode | undefined;
  for (const [name, value] of given) {
    if (name === 'ssl-mode')
      mode = oneOf(name, value.toUpperCase(), Object.fromEntries(SSL_MODES.map((each) => [each, each])));
    else if (name === 'tls') mode = oneOf(name, value, GO_TLS);
    else if (FILES.some((file) => file === name)) files.set(name, value);
    else if (!(WITHOUT_EFFECT[name]?.test(value) ?? false)) throw unknownOption(name);
  }
  return { mode: mode ?? (files.has('ssl-ca') ? 'VERIFY_IDENTITY' : undefined), files };
}

function oneOf(name: string, value: string, values: Readonly<Record<string, SslMode>>): SslMode {
  const mode = Object.hasOwn(values, value) ? values[value] : undefined;
  if (mode === undefined) throw new DsnError(`${name}: expected ${Object.keys(values).join(', ')}`);
  return mode;
}

// A name that doesn't look like one may be a part of a password that wasn't encoded.
function unknownOption(name: string): DsnError {
  if (Object.hasOwn(WITHOUT_EFFECT, name)) return new DsnError(`${name}: the service writes utf8mb4 only`);
  if (!/^[A-Za-z][A-Za-z-]{1,40}$/.test(name)) return new DsnError(FORM);
  return new DsnError(`${name} is not a supported option of the DSN`);
}

function tlsOptions(mode: Parts['mode'], files: Parts['files']): MysqlTls | undefined {
  if (mode === undefined || mode === 'DISABLED') return undefined;
  return {
    ...pem('ca', files.get('ssl-ca')),
    ...pem('cert', files.get('ssl-cert')),
    ...pem('key', files.get('ssl-key')),
    rejectUnauthorized: mode === 'VERIFY_CA' || mode === 'VERIFY_IDENTITY',
    verifyIdentity: mode === 'VERIFY_IDENTITY',
  };
}

function pem(option: 'ca' | 'cert' | 'key', path: string | undefined): Partial<MysqlTls> {
  return path === undefined || path === '' ? {} : { [option]: readFileSync(path, 'utf8') };
}
