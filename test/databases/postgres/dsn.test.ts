import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readPostgresDsn } from '../../../src/databases/postgres/dsn.ts';

const folder = mkdtempSync(join(tmpdir(), 'dsn-'));
const ca = join(folder, 'ca.pem');
writeFileSync(ca, 'PEM');
afterAll(() => rmSync(folder, { recursive: true }));

const read = (query: string) => readPostgresDsn(`postgres://me:secret@db:5432/dicom?${query}`);

describe('readPostgresDsn', () => {
  it('leaves everything but TLS to the driver', () => {
    expect(read('application_name=x&sslmode=disable')).toMatchObject({
      connectionString: 'postgres://me:secret@db:5432/dicom?application_name=x',
      ssl: false,
    });
    expect(read('').ssl).toBeUndefined();
  });

  it('encrypts without checking the server for require, as libpq does', () => {
    expect(read('sslmode=require').ssl).toEqual({ rejectUnauthorized: false });
  });

  it('checks the CA but not the name for verify-ca, and for require with a CA', () => {
    for (const mode of ['verify-ca', 'require']) {
      const { ssl } = read(`sslmode=${mode}&sslrootcert=${ca}`);
      expect(ssl).toMatchObject({ rejectUnauthorized: true, ca: 'PEM' });
      expect(ssl ? ssl.checkServerIdentity?.('db', {} as never) : false).toBeUndefined();
    }
  });

  it('checks CA and name for verify-full', () => {
    expect(read(`sslmode=verify-full&sslrootcert=${ca}`).ssl).toEqual({ rejectUnauthorized: true, ca: 'PEM' });
    expect(read('sslmode=verify-full&sslrootcert=system').ssl).toEqual({ rejectUnauthorized: true });
  });

  it('falls back to plain text for prefer only', () => {
    expect(read('sslmode=prefer').plainIfRefused).toBe(true);
    expect(read('sslmode=require').plainIfRefused).toBe(false);
  });

  it('refuses what it does not know, without repeating it', () => {
    expect(() => read('sslmode=secret')).toThrow(/^sslmode: expected/);
    expect(() => readPostgresDsn('host=db password=secret')).toThrow(/^expected postgres:/);
    expect(() => readPostgresDsn('mysql://me:secret@db/dicom')).toThrow(/^expected postgres:/);
  });
});
