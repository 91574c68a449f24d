/**
 * Parses a PostgreSQL DSN. The driver parses everything but the hosts and TLS: it supports one host only, and interprets `sslmode` and
 * related parameters differently from libpq (PostgreSQL documentation, "Connection Strings" and "SSL Support").
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { accountEndsLate, canBeHost } from '../dsn-account.ts';

/** One server of a DSN. */
export interface PostgresAddress {
  /** `host:port`, or the folder of a Unix socket; for logs and errors. */
  readonly name: string;
  /** The DSN for the driver. */
  readonly connectionString: string;
  /** With `undefined`, the driver decides: no TLS unless PGSSLMODE is set. */
  readonly ssl: ConnectionOptions | false | undefined;
  /** `sslmode=prefer`: connect without TLS to a server that doesn't offer it. */
  readonly plainIfRefused: boolean;
}

/** `target_session_attrs`: which servers are acceptable. */
export type TargetSession = 'any' | 'read-write' | 'primary';

/** The servers of a DSN and the required kind of session. */
export interface PostgresTarget {
  /** In the DSN's order, at least one. */
  readonly addresses: readonly PostgresAddress[];
  readonly session: TargetSession;
}

/** The DSN is invalid. The message names the invalid part, never its value: a DSN contains a password. */
export class DsnError extends Error {
  override readonly name = 'DsnError';
}

const FORM =
  'expected postgres://user:password@host:5432/database, other characters in the password percent-encoded, ' +
  'and so an @ after the host';
const TLS_PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'ssl', 'uselibpqcompat'];
const SSL_MODES = ['disable', 'allow', 'prefer', 'no-verify', 'require', 'verify-ca', 'verify-full'] as const;
const TARGET_SESSIONS: readonly TargetSession[] = ['any', 'read-write', 'primary'];
const DEFAULT_PORT = '5432';

/** A DSN in its parts. */
interface Parts {
  readonly hosts: readonly { readonly name: string; readonly connectionString: string }[];
  readonly session: TargetSession;
  readonly mode: (typeof SSL_MODES)[number] | undefined;
  readonly tls: ReadonlyMap<string, string | null>;
}

/** Returns what is wrong with a DSN, or undefined. Opens nothing. The text contains no part of the DSN. */
export function checkPostgresDsn(dsn: string): string | undefined {
  try {
    partsOf(dsn);
    return undefined;
  } catch (error) {
    if (error instanceof DsnError) return error.message;
    throw error;
  }
}

/**
 * Reads `postgres://user:password@host:port,host:port/database?sslmode=…&target_session_attrs=…`. Hosts and ports may also be the
 * parameters `host=a,b` and `port=1,2`, as in libpq. `target_session_attrs` is `any`, `read-write` or `primary`; with several hosts the
 * default is `read-write`, since this service only writes. `sslmode` is `disable`, `allow` (as disable), `prefer`, `require` (encrypted;
 * with `sslrootcert` the authority is checked), `verify-ca` or `verify-full` (authority and host name). `sslrootcert`, `sslcert` and `sslkey`
 * are paths of PEM files, read at every call so that renewed ones are used; `sslrootcert=system` means Node's own list. Throws a
 * DsnError, or the file system's error if a certificate can't be read.
 */
export function readPostgresDsn(dsn: string): PostgresTarget {
  const { hosts, session, mode, tls } = partsOf(dsn);
  const ssl = tlsOptions(mode, tls);
  return { addresses: hosts.map((host) => ({ ...host, ssl, plainIfRefused: mode === 'prefer' })), session };
}

/** `host:port/database` of a DSN, without user and password. Undefined if it can't be split safely: it holds a password. */
export function describePostgresDsn(dsn: string): string | undefined {
  if (checkPostgresDsn(dsn) !== undefined) return undefined;
  const [, host, path] = /^\w+:\/\/(?:[^/@]*@)?([^/?@]*)(?:\/([^?@]*))?(?:\?[^@]*)?$/.exec(dsn) ?? [];
  if (host === undefined) return undefined;
  return `${host}${path === undefined || path === '' ? '' : `/${path}`}`;
}

// The user information ends at the last @ before the path, as in the URL standard.
const DSN = /^(postgres(?:ql)?:\/\/)((?:[^/?#]*@)?)([^/?#]*)([^?#]*)(\?[^#]*)?$/;

function partsOf(dsn: string): Parts {
  const [, scheme = '', user = '', authority = '', path = '', query = ''] = DSN.exec(dsn) ?? [];
  if (scheme === '' || accountEndsLate(dsn) || !isDecodable(`${user}${authority}${path}`)) throw new DsnError(FORM);
  const parameters = new URLSearchParams(query);
  const tls = new Map(TLS_PARAMETERS.map((name) => [name, parameters.get(name)]));
  const hosts = hostsOf(authority, parameters);
  const session = parameters.get('target_session_attrs') ?? (hosts.length > 1 ? 'read-write' : 'any');
  for (const name of [...TLS_PARAMETERS, 'target_session_attrs', 'host', 'port']) parameters.delete(name);
  const known = TARGET_SESSIONS.find((each) => each === session);
  if (known === undefined) throw new DsnError(`target_session_attrs: expected ${TARGET_SESSIONS.join(', ')}`);
  const mode = tls.get('sslmode') ?? (tls.get('ssl') === 'true' ? 'verify-full' : undefined);
  return {
    hosts: hosts.map((host) => {
      const connectionString = urlOf(`${scheme}${user}`, host, path, parameters);
      return { name: host.socket ?? `${host.name || 'localhost'}:${host.port}`, connectionString };
    }),
    session: known,
    mode: mode === undefined ? undefined : knownMode(mode),
    tls,
  };
}

/** Whether all that is percent-encoded is UTF-8. The driver would throw a URIError. */
function isDecodable(text: string): boolean {
  try {
    for (const encoded of text.match(/(?:%[0-9a-f]{2})+/gi) ?? []) decodeURIComponent(encoded);
    return true;
  } catch {
    return false;
  }
}

interface Host {
  readonly name: string;
  readonly port: string;
  /** The folder of a Unix socket; then the name is empty. */
  readonly socket: string | undefined;
}

/** In the parameter `host`, or percent-encoded in place of a host. */
const SOCKET_FOLDER = /^(?:\/|%2F(?:[\w.-]|%2F)*$)/i;

/** The parameters `host` and `port` take precedence over the part between `@` and `/`, as in libpq. */
function hostsOf(authority: string, parameters: URLSearchParams): readonly Host[] {
  const given = authority.split(',').map((each) => /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(each));
  const names = parameters.get('host')?.split(',') ?? given.map((each) => each?.[1]);
  const ports = parameters.get('port')?.split(',') ?? given.map((each) => each?.[2]);
  if (ports.length > 1 && ports.length !== names.length) throw new DsnError('expected a port for each host, or one');
  return names.map((name, at) => {
    const port = (ports.length === 1 ? ports[0] : ports[at]) || DEFAULT_PORT;
    // What isn't a host or port may be a part of the password.
    if (name === undefined || !(canBeHost(name) || SOCKET_FOLDER.test(name)) || !/^[1-9]\d{0,4}$/.test(port))
      throw new DsnError(FORM);
    return name.startsWith('/') ? { name: '', port, socket: name } : { name, port, socket: undefined };
  });
}

function urlOf(start: string, host: Host, path: string, parameters: URLSearchParams): string {
  const query = new URLSearchParams(parameters);
  // The driver reads a socket's folder from this parameter and then ignores the host name.
  if (host.socket !== undefined) query.set('host', host.socket);
  const text = query.size === 0 ? '' : `?${query}`;
  const url = `${start}${host.name || 'localhost'}:${host.port}${path}${text}`;
  if (!URL.canParse(url)) throw new DsnError(FORM);
  return new URL(url).href;
}

function knownMode(mode: string): (typeof SSL_MODES)[number] {
  const known = SSL_MODES.find((each) => each === mode);
  if (known === undefined)
    throw new DsnError('sslmode: expected disable, allow, prefer, require, verify-ca or verify-full');
  return known;
}

function tlsOptions(mode: Parts['mode'], given: Parts['tls']): PostgresAddress['ssl'] {
  const rootPath = given.get('sslrootcert') ?? undefined;
  const base: ConnectionOptions = {
    ...pem('ca', rootPath === 'system' ? undefined : rootPath),
    ...pem('cert', given.get('sslcert')),
    ...pem('key', given.get('sslkey')),
  };
  switch (mode) {
    case undefined:
      return undefined;
    case 'disable':
    case 'allow':
      return false;
    case 'prefer':
    case 'no-verify': // node-postgres only
      return { ...base, rejectUnauthorized: false };
    case 'require':
      return rootPath === undefined ? { ...base, rejectUnauthorized: false } : { ...base, ...ANY_NAME };
    case 'verify-ca':
      return { ...base, ...ANY_NAME };
    case 'verify-full':
      return { ...base, rejectUnauthorized: true };
  }
}

const ANY_NAME: ConnectionOptions = { rejectUnauthorized: true, checkServerIdentity: () => undefined };

function pem(option: 'ca' | 'cert' | 'key', path: string | null | undefined): ConnectionOptions {
  return path === null || path === undefined || path === '' ? {} : { [option]: readFileSync(path, 'utf8') };
}
