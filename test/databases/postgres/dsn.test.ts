import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openPostgres } from '../../../src/databases/postgres/connection.ts';
import { checkPostgresDsn, describePostgresDsn, readPostgresDsn } from '../../../src/databases/postgres/dsn.ts';

const folder = mkdtempSync(join(tmpdir(), 'dsn-'));
const ca = join(folder, 'ca.pem');
writeFileSync(ca, 'PEM');
afterAll(() => rmSync(folder, { recursive: true }));

const read = (query: string) => {
  const [address] = readPostgresDsn(`postgres://me:secret@db:5432/dicom?${query}`).addresses;
  if (address === undefined) throw new Error('no address');
  return address;
};
const hosts = (dsn: string) =>
  readPostgresDsn(dsn).addresses.map(({ name, connectionString }) => [name, connectionString]);

const open = (dsn: string) =>
  openPostgres({ name: 'postgres', dsn, connectTimeoutMs: 1_000, statementTimeoutMs: 1_000 });

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

  it('rejects unknown values without repeating them', () => {
    expect(() => read('sslmode=secret')).toThrow(/^sslmode: expected/);
    expect(() => readPostgresDsn('host=db password=secret')).toThrow(/^expected postgres:/);
    expect(() => readPostgresDsn('mysql://me:secret@db/dicom')).toThrow(/^expected postgres:/);
    expect(() => read('target_session_attrs=secret')).toThrow(/^target_session_attrs: expected/);
    expect(() => readPostgresDsn('postgres://db:port/dicom')).toThrow(/^expected postgres:/);
    expect(() => readPostgresDsn('postgres:///dicom?host=a,b,c&port=1,2')).toThrow(/^expected a port for each host/);
  });

  it('names every host of a list, with its port, and never the password', () => {
    expect(hosts('postgres://me:s,e@a:1,b/dicom?sslmode=disable&application_name=x')).toEqual([
      ['a:1', 'postgres://me:s,e@a:1/dicom?application_name=x'],
      ['b:5432', 'postgres://me:s,e@b:5432/dicom?application_name=x'],
    ]);
    expect(hosts('postgres://me:secret@/dicom?host=a,b&port=6432')).toEqual([
      ['a:6432', 'postgres://me:secret@a:6432/dicom'],
      ['b:6432', 'postgres://me:secret@b:6432/dicom'],
    ]);
    expect(hosts('postgres://[::1]:1,[::2]/dicom').map(([name]) => name)).toEqual(['[::1]:1', '[::2]:5432']);
    expect(hosts('postgres:///dicom?host=/run/postgresql')).toEqual([
      ['/run/postgresql', 'postgres://localhost:5432/dicom?host=%2Frun%2Fpostgresql'],
    ]);
  });

  it('requires a writable server if several are named, unless configured otherwise', () => {
    const session = (dsn: string) => readPostgresDsn(dsn).session;
    expect(session('postgres://a/dicom')).toBe('any');
    expect(session('postgres://a,b/dicom')).toBe('read-write');
    expect(session('postgres://a,b/dicom?target_session_attrs=any')).toBe('any');
    expect(session('postgres://a/dicom?target_session_attrs=primary')).toBe('primary');
  });
});

describe('checkPostgresDsn', () => {
  it('says what is wrong with a DSN without opening a file', () => {
    expect(checkPostgresDsn('postgres://a/dicom?sslmode=verify-full&sslrootcert=/no/such/file')).toBeUndefined();
    expect(checkPostgresDsn('postgres://a/dicom?sslmode=on')).toMatch(/^sslmode: expected/);
    expect(checkPostgresDsn('http://a')).toMatch(/^expected postgres:/);
  });
});

describe('openPostgres', () => {
  it.each([
    'postgres://u:%FF@127.0.0.1:1/dicom',
    'postgres://%FF:p@127.0.0.1:1/dicom',
    'postgres://u:p@127.0.0.1:1/%FF',
    'postgres://u:p@127.0.0.1:0/dicom',
    'postgres://u:p@127.0.0.1:65536/dicom',
    'postgres:///dicom?host=127.0.0.1&port=65536',
  ])('rejects with a SinkError, as the check of the configuration does: %s', async (dsn) => {
    expect(checkPostgresDsn(dsn)).toMatch(/^expected postgres:/);
    await expect(open(dsn)).rejects.toMatchObject({ name: 'SinkError', code: 'misconfigured', detail: 'invalid_dsn' });
  });

  it.each(['postgres://u:%C3%A4@127.0.0.1:1/dicom', 'postgres://u:100%@127.0.0.1:1/dicom'])(
    'connects with a password that can be decoded, and with a %% that encodes nothing: %s',
    async (dsn) => {
      expect(checkPostgresDsn(dsn)).toBeUndefined();
      await expect(open(dsn)).rejects.toMatchObject({ code: 'unavailable', detail: 'ECONNREFUSED' });
    },
  );
});

describe('describePostgresDsn', () => {
  it.each([
    ['postgres://user:secret@db.internal:5432/dicom?sslmode=require', 'db.internal:5432/dicom'],
    ['postgres://db.internal/dicom', 'db.internal/dicom'],
    ['postgresql://user@db', 'db'],
    ['postgres://user:secret@a:5432,b:5433/dicom?target_session_attrs=read-write', 'a:5432,b:5433/dicom'],
    ['postgres://user:secret@[::1]:5432/dicom', '[::1]:5432/dicom'],
  ])('shows host and database of %s, and no user or password', (dsn, address) => {
    expect(describePostgresDsn(dsn)).toBe(address);
  });

  it.each(['postgres://user:pa/ss@db/dicom', 'postgres://user:pa@ss@db/dicom', 'host=db user=u'])(
    'shows nothing of %s, whose password it cannot tell from the host',
    (dsn) => {
      expect(describePostgresDsn(dsn)).toBeUndefined();
    },
  );
});
