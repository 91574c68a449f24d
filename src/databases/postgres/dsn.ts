/**
 * What a PostgreSQL DSN asks for. Everything but TLS is the driver's to read; `sslmode` and its friends are read here, since the
 * driver gives them another meaning than libpq does (PostgreSQL documentation, "SSL Support", table "SSL Mode Descriptions").
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

/** A DSN in two parts: what the driver gets, and how to speak TLS. */
export interface PostgresAddress {
  readonly connectionString: string;
  /** `undefined` leaves it to the driver: no TLS unless PGSSLMODE says so. */
  readonly ssl: ConnectionOptions | false | undefined;
  /** `sslmode=prefer`: a server without TLS is spoken to in the clear. */
  readonly plainIfRefused: boolean;
}

/** The DSN can't be used. The message names the part at fault, never its value: a DSN holds a password. */
export class DsnError extends Error {
  override readonly name = 'DsnError';
}

const TLS_PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'ssl', 'uselibpqcompat'];

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…`. `sslmode`: `disable`, `allow` (as disable), `prefer`, `require`
 * (encrypted; with `sslrootcert` also the CA is checked), `verify-ca`, `verify-full` (CA and host name). `sslrootcert`, `sslcert`
 * and `sslkey` are paths of PEM files, read at every call so that renewed ones are picked up; `sslrootcert=system` is Node's own list.
 * Throws a DsnError, or the file system's error for a certificate that can't be read.
 */
export function readPostgresDsn(dsn: string): PostgresAddress {
  const url = URL.canParse(dsn) ? new URL(dsn) : undefined;
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new DsnError('expected postgres://user:password@host:port/database');
  }
  const given = new Map(TLS_PARAMETERS.map((name) => [name, url.searchParams.get(name)]));
  for (const name of TLS_PARAMETERS) url.searchParams.delete(name);
  const mode = given.get('sslmode') ?? (given.get('ssl') === 'true' ? 'verify-full' : undefined);
  return {
    connectionString: url.href,
    ssl: tlsOptions(mode, given),
    plainIfRefused: mode === 'prefer',
  };
}

function tlsOptions(mode: string | undefined, given: ReadonlyMap<string, string | null>): PostgresAddress['ssl'] {
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
      return { ...base, rejectUnauthorized: false };
    case 'no-verify': // node-postgres's own word
      return { ...base, rejectUnauthorized: false };
    case 'require':
      return rootPath === undefined ? { ...base, rejectUnauthorized: false } : { ...base, ...ANY_NAME };
    case 'verify-ca':
      return { ...base, ...ANY_NAME };
    case 'verify-full':
      return { ...base, rejectUnauthorized: true };
    default:
      throw new DsnError('sslmode: expected disable, allow, prefer, require, verify-ca or verify-full');
  }
}

const ANY_NAME: ConnectionOptions = { rejectUnauthorized: true, checkServerIdentity: () => undefined };

function pem(option: 'ca' | 'cert' | 'key', path: string | null | undefined): ConnectionOptions {
  return path === null || path === undefined || path === '' ? {} : { [option]: readFileSync(path, 'utf8') };
}
