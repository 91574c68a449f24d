import { describe, expect, it } from 'vitest';
import { withDatabase } from '../../src/cli/database-errors.ts';
import { databaseDriver } from '../../src/databases/registry.ts';
import { SinkError } from '../../src/errors.ts';
import { minimalWith, writeText } from '../config/fixture.ts';
import { runCommand } from '../support/command.ts';

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
    const { code, stderr } = await runCommand(['migrate', config, '--dry-run', ...only], {});
    expect(code).toBe(3);
    expect(stderr).toBe(`wado-consumer: ${failed('one', 1)}${failed('two', 2)}`);
    const other = await runCommand(['migrate', config, '--database', 'three'], {});
    expect(other.code).toBe(1);
    expect(other.stderr).toBe(
      'wado-consumer: --database three: not in the configuration, which has root.output.reject_errored.broker.outputs.0, one, two\n',
    );
  });
});
