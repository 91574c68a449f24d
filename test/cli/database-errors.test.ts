import { describe, expect, it } from 'vitest';
import { databaseAddress, withDatabase } from '../../src/cli/database-errors.ts';
import { SinkError } from '../../src/errors.ts';
import { runCommand } from '../support/command.ts';

describe('databaseAddress', () => {
  it.each([
    ['postgres://user:secret@db.internal:5432/dicom?sslmode=require', 'db.internal:5432/dicom'],
    ['postgres://db.internal/dicom', 'db.internal/dicom'],
    ['postgresql://user@db', 'db'],
    ['postgres://user:secret@a:5432,b:5433/dicom?target_session_attrs=read-write', 'a:5432,b:5433/dicom'],
    ['postgres://user:secret@[::1]:5432/dicom', '[::1]:5432/dicom'],
  ])('shows host and database of %s, and no user or password', (dsn, address) => {
    expect(databaseAddress(dsn)).toBe(address);
  });

  it.each(['postgres://user:pa/ss@db/dicom', 'postgres://user:pa@ss@db/dicom', 'host=db user=u'])(
    'shows nothing of %s, whose password it cannot tell from the host',
    (dsn) => {
      expect(databaseAddress(dsn)).toBeUndefined();
    },
  );
});

describe('a verb whose database fails', () => {
  const failing = (error: Error) =>
    withDatabase('migrating', 'postgres', 'postgres://u:secret@db:5432/dicom', () => Promise.reject(error));

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
});
