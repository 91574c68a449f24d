import { connect, createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createPostgresSink } from '../../src/databases/postgres/sink.ts';
import { type Authority, type Certificate, createAuthority } from '../../src/testing/certificates.ts';
import { freshPostgres, type PostgresDatabase } from './postgres-database.ts';
import { describeWith } from './support/services.ts';

/**
 * Speaks TLS for a server that has none: answers PostgreSQL's SSLRequest (PostgreSQL documentation, "Message Flow", "SSL Session
 * Encryption") and passes on what it decrypts. Tells how many connections were encrypted.
 */
async function speakTls(dsn: string, certificate: Certificate) {
  const target = new URL(dsn);
  let encrypted = 0;
  const server = createServer((client) => {
    client.on('error', () => undefined);
    client.once('data', (first) => {
      if (first.readInt32BE(4) !== 80877103) return client.destroy();
      client.write('S');
      const secure = new TLSSocket(client, { isServer: true, cert: certificate.cert, key: certificate.key });
      secure.on('error', () => client.destroy());
      secure.once('secure', () => encrypted++);
      const database = connect(Number(target.port || 5432), target.hostname);
      database.on('error', () => client.destroy());
      secure.pipe(database).pipe(secure);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, encrypted: () => encrypted, close: () => server.close() };
}

await describeWith(['postgres'], 'TLS to PostgreSQL', ({ postgres }) => {
  let authority: Authority | undefined;
  let database: PostgresDatabase;
  beforeAll(() => {
    authority = createAuthority();
  });
  afterAll(() => authority?.remove());
  beforeEach(async (context) => {
    if (authority === undefined) context.skip('the openssl command is not installed');
    database = await freshPostgres(postgres.dsn);
  });
  afterEach(() => database?.drop());

  /** Connects with `query` to a server whose certificate is for `name` and ends in `days`. */
  async function attempt(
    query: string,
    { host = 'localhost', name = 'DNS:localhost', days = 1 } = {},
  ): Promise<number> {
    const server = await speakTls(database.dsn, (authority as Authority).issue({ names: name, days }));
    const dsn = new URL(database.dsn);
    dsn.hostname = host;
    dsn.port = String(server.port);
    const sink = createPostgresSink({ name: 'postgres', dsn: () => `${dsn.href}?${query}`, migrate: true });
    try {
      await sink.connect();
      return server.encrypted();
    } finally {
      await sink.close();
      server.close();
    }
  }
  const verifyFull = () => `sslmode=verify-full&sslrootcert=${authority?.caFile}`;

  it('encrypts without checking for sslmode=require', async () => {
    expect(await attempt('sslmode=require', { name: 'DNS:other.example', days: -1 })).toBeGreaterThan(0);
  });

  it('accepts the right name by the right authority, and an address as a name', async () => {
    expect(await attempt(verifyFull())).toBeGreaterThan(0);
    expect(await attempt(verifyFull(), { host: '127.0.0.1', name: 'IP:127.0.0.1' })).toBeGreaterThan(0);
  });

  it('accepts any name for verify-ca', async () => {
    const query = `sslmode=verify-ca&sslrootcert=${authority?.caFile}`;
    expect(await attempt(query, { name: 'DNS:other.example' })).toBeGreaterThan(0);
  });

  it.each([
    ['another name', { name: 'DNS:other.example' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['another name for an address', { host: '127.0.0.1' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['an expired certificate', { days: -1 }, 'CERT_HAS_EXPIRED'],
  ])('refuses %s for verify-full', async (_, server, detail) => {
    await expect(attempt(verifyFull(), server)).rejects.toMatchObject({ code: 'unavailable', detail });
  });

  it('refuses an authority that it does not know', async () => {
    for (const mode of ['verify-full', 'verify-ca']) {
      await expect(attempt(`sslmode=${mode}`)).rejects.toMatchObject({ code: 'unavailable' });
    }
    const query = `sslmode=require&sslrootcert=${authority?.caFile}`;
    await expect(attempt(query, { days: -1 })).rejects.toMatchObject({ detail: 'CERT_HAS_EXPIRED' });
  });

  it('says so when the certificate of the authority can not be read', async () => {
    const query = 'sslmode=verify-full&sslrootcert=/no/such/file';
    await expect(attempt(query)).rejects.toMatchObject({ code: 'unavailable', detail: 'ENOENT' });
  });

  it('refuses a server without TLS, unless sslmode=prefer', async (context) => {
    const [{ ssl } = {}] = await database.query('show ssl');
    if (ssl !== 'off') context.skip('this server speaks TLS itself');
    const connect = (mode: string) =>
      createPostgresSink({ name: 'postgres', dsn: () => `${database.dsn}?sslmode=${mode}`, migrate: true }).connect();
    await expect(connect('require')).rejects.toMatchObject({ code: 'unavailable', detail: 'tls_not_supported' });
    await connect('prefer');
  });
});
