/** Parses the DSN of an Apache Doris cluster. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { accountEndsLate } from '../dsn-account.ts';

/** A frontend (FE) or backend (BE) of a cluster. */
export interface DorisHost {
  /** Without brackets for IPv6. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, for logs, errors and comparisons. */
  readonly name: string;
}

/** `redirect_policy`: which address of a BE the FE names (Apache Doris, "Stream Load", header `redirect-policy`). */
export type RedirectPolicy = 'direct' | 'public' | 'private';

/** A cluster and how to reach it. */
export interface DorisTarget {
  /** In the DSN's order, at least one; tried in that order. */
  readonly frontends: readonly DorisHost[];
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** The port of the FEs' MySQL protocol. */
  readonly mysqlPort: number;
  /** The only BEs that loads are sent to; empty: those that the FE names. */
  readonly backends: readonly DorisHost[];
  readonly redirectPolicy: RedirectPolicy | undefined;
  /** Copies of each new table. */
  readonly replicationNum: number;
  /** HTTPS, and TLS on the MySQL port; undefined without TLS. */
  readonly tls: ConnectionOptions | undefined;
}

/** The DSN is invalid. The message names the invalid part, never its value: a DSN contains a password. */
export class DorisDsnError extends Error {
  override readonly name = 'DorisDsnError';
}

const FORM =
  'expected doris://user:password@fe:8030/database, other characters in the password percent-encoded, ' +
  'and so an @ after the host';
const OPTIONS = ['mysql_port', 'backends', 'redirect_policy', 'replication_num', 'tls', 'tls_ca'] as const;
const POLICIES: readonly RedirectPolicy[] = ['direct', 'public', 'private'];
const FRONTEND_PORT = 8030;
const BACKEND_PORT = 8040;
const MYSQL_PORT = 9030;
const REPLICATION_NUM = 3;
const MAX_PORT = 65_535;

/** Returns what is wrong with a DSN, or undefined. Opens nothing. The text contains no part of the DSN but option names. */
export function checkDorisDsn(dsn: string): string | undefined {
  try {
    partsOf(dsn);
    return undefined;
  } catch (error) {
    if (error instanceof DorisDsnError) return error.message;
    throw error;
  }
}

/**
 * Reads `doris://user:password@fe1:8030,fe2:8030/database?mysql_port=9030&backends=be1:8040,be2:8040`. Ports are those of HTTP (8030 for an
 * FE, 8040 for a BE, where none is given). `tls=true` means HTTPS and TLS on the MySQL port, `tls_ca` a PEM file with the authority, read at
 * every call. Throws a DorisDsnError, or the file system's error if the file can't be read.
 */
export function readDorisDsn(dsn: string): DorisTarget {
  const { tls, ca, ...target } = partsOf(dsn);
  if (!tls) return { ...target, tls: undefined };
  return { ...target, tls: ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') } };
}

/** Returns `fe:8030,fe2:8030/database` of a DSN. Undefined if the DSN can't be split safely, because it holds a password. */
export function describeDorisDsn(dsn: string): string | undefined {
  try {
    const { frontends, database } = partsOf(dsn);
    return `${frontends.map(({ name }) => name).join(',')}/${database}`;
  } catch (error) {
    if (error instanceof DorisDsnError) return undefined;
    throw error;
  }
}

// The user information ends at the last @ before the path, as in the URL standard.
const DSN = /^doris:\/\/(?:([^:@/?#]*)(?::([^/?#]*))?@)?([^/?#@]+)(?:\/([^/?#]*))?(?:\?([^#]*))?$/;

interface Parts extends Omit<DorisTarget, 'tls'> {
  readonly tls: boolean;
  readonly ca: string | undefined;
}

function partsOf(dsn: string): Parts {
  const [, user, password = '', hosts = '', path = '', query = ''] = DSN.exec(dsn) ?? [];
  if (user === undefined || user === '' || accountEndsLate(dsn)) throw new DorisDsnError(FORM);
  const database = decoded(path);
  if (database === '') throw new DorisDsnError(`the database is missing: ${FORM}`);
  // The name is part of the paths of requests.
  if (!/^[\w-]+$/u.test(database)) throw new DorisDsnError('the database may only have letters, digits, - and _');
  const parameters = new URLSearchParams(query);
  checkNames(parameters);
  const tls = choice(parameters, 'tls', ['true', 'false']) === 'true';
  const ca = parameters.get('tls_ca') ?? undefined;
  if (ca !== undefined && !tls) throw new DorisDsnError('tls_ca: needs tls=true');
  const backends = parameters.get('backends');
  return {
    frontends: hosts.split(',').map((each) => hostOf(each, FRONTEND_PORT, FORM)),
    database,
    user: decoded(user),
    password: decoded(password),
    mysqlPort: whole(parameters, 'mysql_port', MYSQL_PORT, MAX_PORT),
    backends: backends?.split(',').map((each) => hostOf(each, BACKEND_PORT, 'backends: expected host:port,…')) ?? [],
    redirectPolicy: choice(parameters, 'redirect_policy', POLICIES),
    replicationNum: whole(parameters, 'replication_num', REPLICATION_NUM, 100),
    tls,
    ca,
  };
}

function checkNames(parameters: URLSearchParams): void {
  for (const name of parameters.keys()) {
    if (OPTIONS.some((known) => known === name)) continue;
    // Not the name itself: with a stray ? in the password, it is a part of it.
    throw new DorisDsnError(`unknown option; known are ${OPTIONS.join(', ')}`);
  }
  for (const name of OPTIONS) {
    if (parameters.getAll(name).length > 1) throw new DorisDsnError(`${name}: expected once`);
  }
}

function hostOf(text: string, defaultPort: number, form: string): DorisHost {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (host === undefined || port < 1 || port > MAX_PORT) throw new DorisDsnError(form);
  return { host, port, name: hostName(host, port) };
}

/** `host:port`, with brackets for IPv6 and in lower case, so that names can be compared. */
export function hostName(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`.toLowerCase();
}

function choice<T extends string>(parameters: URLSearchParams, name: string, known: readonly T[]): T | undefined {
  const given = parameters.get(name);
  if (given === null) return undefined;
  const found = known.find((each) => each === given);
  if (found === undefined) throw new DorisDsnError(`${name}: expected ${known.join(', ')}`);
  return found;
}

function whole(parameters: URLSearchParams, name: string, otherwise: number, max: number): number {
  const given = parameters.get(name);
  if (given === null) return otherwise;
  const value = Number(given);
  if (!/^\d+$/.test(given) || value < 1 || value > max)
    throw new DorisDsnError(`${name}: expected a number from 1 to ${max}`);
  return value;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DorisDsnError(FORM);
  }
}
