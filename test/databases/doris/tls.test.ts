import { afterAll, describe, expect, it } from 'vitest';
import { readDorisDsn } from '../../../src/databases/doris/dsn.ts';
import { createStreamLoader } from '../../../src/databases/doris/stream-load.ts';
import { OBJECT_TABLE } from '../../../src/databases/doris/tables.ts';
import { readMigrations } from '../../../src/databases/migrations-folder.ts';
import { createAuthority } from '../../../src/testing/certificates.ts';
import { recordOf } from '../../../src/testing/sink-contract-batches.ts';
import { startDorisDouble } from '../../support/doris/double.ts';
import { Table } from '../../support/doris/table.ts';

const authority = createAuthority();
const other = createAuthority();
afterAll(() => {
  authority?.remove();
  other?.remove();
});

describe.skipIf(authority === undefined)('a load over HTTPS (needs openssl)', () => {
  /** Loads one row into a double with this certificate, checked with the authority of this file. */
  async function load(names: string, caFile = authority?.caFile, redirect?: 'other_scheme'): Promise<number> {
    const certificate = authority?.issue({ names });
    if (certificate === undefined) throw new Error('no certificate');
    const double = await startDorisDouble({ tls: { key: certificate.key, cert: certificate.cert } });
    const [statement = ''] = readMigrations('doris')[0]?.statements ?? [];
    const table = new Table(statement.replace(/\$\{\w+\}/, '1'));
    double.cluster.tables.set(table.name, table);
    if (redirect !== undefined) double.cluster.redirect = redirect;
    const target = readDorisDsn(double.dsn(`&tls=true&tls_ca=${encodeURIComponent(caFile ?? '')}`));
    const options = { name: 'doris', connectTimeoutMs: 2_000, timeoutMs: 2_000, gzip: false };
    const loader = createStreamLoader({ ...options, target: () => target });
    try {
      await loader.load(OBJECT_TABLE, Buffer.from(`${recordOf({}).file.object.json}\n`));
      return double.rows(table.name).length;
    } finally {
      loader.close();
      await double.close();
    }
  }

  it('follows the redirect over HTTPS and trusts the authority of the DSN', async () => {
    expect(await load('IP:127.0.0.1')).toBe(1);
  });

  it.each([
    ['another authority', 'IP:127.0.0.1', other?.caFile, /^(UNABLE_TO_|SELF_SIGNED_|CERT_)/],
    ['another name', 'DNS:elsewhere', undefined, /^ERR_TLS_CERT_ALTNAME_INVALID/],
  ])('is refused if the certificate is of %s', async (_, names, caFile, detail) => {
    await expect(load(names, caFile)).rejects.toMatchObject({
      code: 'unavailable',
      detail: expect.stringMatching(detail),
    });
  });

  it('is not continued without encryption when the FE asks for it', async () => {
    await expect(load('IP:127.0.0.1', undefined, 'other_scheme')).rejects.toThrow('redirect:scheme');
  });
});
