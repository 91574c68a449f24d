import { afterAll, describe, expect, it } from 'vitest';
import { readDorisDsn } from '../../src/databases/doris/dsn.ts';
import { openSession } from '../../src/databases/doris/session.ts';
import { openMysql } from '../../src/databases/mysql/connection.ts';
import { createAuthority } from '../../src/testing/certificates.ts';
import { startMysqlTlsPort } from '../support/mysql-tls-port.ts';

const authority = createAuthority();
const other = createAuthority();
afterAll(() => {
  authority?.remove();
  other?.remove();
});

const DORIS = {
  connect: (host: string, port: number, ca: string) =>
    openSession(readDorisDsn(`doris://u:p@${host}/dicom?mysql_port=${port}&tls=true&tls_ca=${ca}`), {
      name: 'doris',
      operation: 'connect',
      connectTimeoutMs: 1_000,
      timeoutMs: 1_000,
    }),
  loginRefused: /^login_refused /,
};
const mysql = (mode: string) => ({
  connect: (host: string, port: number, ca: string) =>
    openMysql({
      name: 'mysql',
      dsn: `mysql://u:p@${host}:${port}/dicom?ssl-mode=${mode}&ssl-ca=${ca}`,
      connectTimeoutMs: 1_000,
      statementTimeoutMs: 1_000,
    }),
  loginRefused: /^1045$/,
});

describe.skipIf(authority === undefined)("TLS on a port of MySQL's protocol (needs openssl)", () => {
  /** Connects to a server with a certificate for these names. */
  async function connect(driver: typeof DORIS | ReturnType<typeof mysql>, host: string, names: string, ca = authority) {
    const certificate = authority?.issue({ names });
    if (certificate === undefined) throw new Error('no certificate');
    const port = await startMysqlTlsPort(certificate);
    try {
      const error: unknown = await driver.connect(host, port.port, encodeURIComponent(ca?.caFile ?? '')).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return { error, logins: port.logins };
    } finally {
      await port.close();
    }
  }

  it.each([
    ['doris', DORIS, 'localhost', 'DNS:localhost'],
    ['doris', DORIS, '127.0.0.1', 'IP:127.0.0.1'],
    ['mysql', mysql('VERIFY_IDENTITY'), 'localhost', 'DNS:localhost'],
    ['mysql with VERIFY_CA', mysql('VERIFY_CA'), 'localhost', 'DNS:elsewhere'],
  ])('%s logs in to a server whose certificate fits: %#', async (_, driver, host, names) => {
    expect(await connect(driver, host, names)).toMatchObject({
      error: { code: 'unavailable', detail: expect.stringMatching(driver.loginRefused) },
      logins: 1,
    });
  });

  it.each([
    ['doris', DORIS, 'localhost', 'DNS:elsewhere'],
    ['doris', DORIS, '127.0.0.1', 'IP:127.0.0.2'],
    ['doris', DORIS, '127.0.0.1', 'DNS:localhost'],
    ['mysql', mysql('VERIFY_IDENTITY'), 'localhost', 'DNS:elsewhere'],
  ])('%s sends no login to a server whose certificate is for another name: %#', async (_, driver, host, names) => {
    expect(await connect(driver, host, names)).toMatchObject({
      error: { code: 'unavailable', detail: expect.stringMatching(/^ERR_TLS_CERT_ALTNAME_INVALID/) },
      logins: 0,
    });
  });

  it.each([
    ['doris', DORIS],
    ['mysql', mysql('VERIFY_CA')],
  ])('%s sends no login to a server of another authority', async (_, driver) => {
    expect(await connect(driver, 'localhost', 'DNS:localhost', other)).toMatchObject({
      error: { code: 'unavailable', detail: expect.stringMatching(/^(UNABLE_TO_|SELF_SIGNED_|CERT_)/) },
      logins: 0,
    });
  });
});
