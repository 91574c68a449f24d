import { describe, expect, it } from 'vitest';
import { withDatabase } from '../../src/cli/database-errors.ts';
import { DATABASE_DRIVER_NAMES, databaseDriver } from '../../src/databases/registry.ts';
import { SinkError } from '../../src/errors.ts';
import { minimalWith, writeText } from '../config/fixture.ts';
import { callCommand, runCommand } from '../support/command.ts';

const DATABASE = { driver: databaseDriver('postgres'), dsn: 'postgres://u:secret@db:5432/dicom' };

describe('a verb whose database fails', () => {
  const failing = (error: Error) => withDatabase('migrating', 'postgres', DATABASE, () => Promise.reject(error));

  it.each([
    ['misconfigured', '42501', 'the user lacks a privilege'],
    ['misconfigured', '3D000', 'there is no such database'],
    ['unavailable', '28P01', 'the server refused the login'],
    ['unavailable', '57P03', 'the server is not available'],
    ['conflict', '55P03', 'another session holds a lock'],
    ['unknown', 'XX000', "see the server's log"],
  ] as const)('names database, address, code and remedy: %s %s', async (code, detail, remedy) => {
    const message = `migrating postgres (db:5432/dicom) failed: ${detail}: `;
    const error = new SinkError('postgres', code, detail);
    await expect(failing(error)).rejects.toMatchObject({ exitCode: 3, message: expect.stringContaining(message) });
    await expect(failing(error)).rejects.toMatchObject({ message: expect.stringContaining(remedy) });
  });

  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'HOSTNAME_MISMATCH',
    'tls_not_supported',
  ])('says which options of the DSN to check after the TLS error %s', async (detail) => {
    const options = {
      postgres: ['postgres://u:secret@db/dicom', 'check sslmode and sslrootcert in the DSN'],
      mysql: ['mysql://u:secret@db/dicom', 'check ssl-mode and ssl-ca in the DSN'],
      doris: ['doris://u:secret@db/dicom', 'check tls and tls_ca in the DSN'],
    } as const;
    for (const name of DATABASE_DRIVER_NAMES) {
      const [dsn, advice] = options[name];
      const error = new SinkError(name, 'unavailable', `${detail} db:1`);
      await expect(
        withDatabase('migrating', name, { driver: databaseDriver(name), dsn }, () => Promise.reject(error)),
      ).rejects.toMatchObject({ message: expect.stringContaining(`: the TLS connection failed; ${advice}`) });
    }
  });

  it('says nothing of TLS after an error of the socket', async () => {
    await expect(failing(new SinkError('postgres', 'unavailable', 'ECONNRESET'))).rejects.toMatchObject({
      message: expect.not.stringContaining('TLS'),
    });
  });

  it('rethrows other errors, whose text may quote a row', async () => {
    const error = new Error('Key (patient_name)=(DOE^JANE)');
    await expect(failing(error)).rejects.toBe(error);
  });
});

describe('migrate', { timeout: 60_000 }, () => {
  it('names the database, its address and what to do when nothing answers', async () => {
    const { code, stderr } = await runCommand(['migrate'], { POSTGRES_DSN: 'postgres://u:secret@127.0.0.1:1/dicom' });
    expect(code).toBe(3);
    expect(stderr).toBe(
      'wado-consumer: migrating postgres (127.0.0.1:1/dicom) failed: ECONNREFUSED: nothing answers there; check host, port and firewall\n',
    );
  });

  it('tries each of several databases, and ends with the message of each that failed', async () => {
    const database = (name: string, port: number) =>
      `        - label: ${name}
          dicom_store: { driver: postgres, dsn: "postgres://u:secret@127.0.0.1:${port}/${name}" }`;
    const config = writeText(
      minimalWith(['        - switch:', `${database('one', 1)}\n${database('two', 2)}\n        - switch:`]),
    );
    const failed = (name: string, port: number) =>
      `migrating ${name} (127.0.0.1:${port}/${name}) failed: ECONNREFUSED: nothing answers there; check host, port and firewall\n`;
    const only = ['--database', 'one', '--database', 'two'];
    const { code, stderr } = await callCommand(['migrate', config, '--dry-run', ...only]);
    expect(code).toBe(3);
    expect(stderr).toBe(`wado-consumer: ${failed('one', 1)}${failed('two', 2)}`);
    const other = await callCommand(['migrate', config, '--database', 'three']);
    expect(other.code).toBe(1);
    expect(other.stderr).toBe(
      'wado-consumer: --database three: not in the configuration, which has root.output.reject_errored.broker.outputs.0, one, two\n',
    );
  });
});
