import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMysql } from '../../../src/databases/mysql/connection.ts';
import { checkMysqlDsn, DsnError, describeMysqlDsn, readMysqlDsn } from '../../../src/databases/mysql/dsn.ts';

const LOCAL = { host: 'db', port: 3306, socketPath: undefined, user: 'u', password: 'p', database: 'dicom' };

describe('readMysqlDsn', () => {
  it.each([
    ['mysql://u:p@db/dicom', LOCAL],
    ['u:p@tcp(db:3306)/dicom', LOCAL],
    ['u:p@tcp(db)/dicom', LOCAL],
    ['mysql://u:p%40%2F%3A@db:3307/dicom', { ...LOCAL, password: 'p@/:', port: 3307 }],
    ['u:p@/:?#%40@tcp(db:3307)/dicom', { ...LOCAL, password: 'p@/:?#%40', port: 3307 }],
    ['u@tcp(db)/dicom', { ...LOCAL, password: '' }],
    ['tcp(db)/dicom', { ...LOCAL, user: '', password: '' }],
    ['u:p@tcp/dicom', { ...LOCAL, host: '127.0.0.1' }],
    ['u:p@unix(/run/mysqld.sock)/dicom', { ...LOCAL, host: '127.0.0.1', socketPath: '/run/mysqld.sock' }],
    ['mysql://u:p@[::1]:3307/dicom', { ...LOCAL, host: '::1', port: 3307 }],
    ['u:p@tcp([::1]:3307)/dicom', { ...LOCAL, host: '::1', port: 3307 }],
    ['u:p@tcp(db)/dicom?parseTime=true&loc=Europe%2FBerlin&charset=utf8mb4&collation=utf8mb4_general_ci', LOCAL],
  ])('reads %s', (dsn, expected) => {
    expect(readMysqlDsn(dsn)).toMatchObject({ ...expected, tls: undefined, plainIfRefused: false });
  });

  it.each([
    'postgres://u:CANARY@db/dicom',
    'CANARY',
    'mysql://u:CANARY@db',
    'mysql://u:CANARY@db/',
    'u:CANARY@tcp(db:99999999)/dicom',
    'u:CANARY@udp(db)/dicom',
    'u:CANARY@unix/dicom',
    'u:CANARY@tcp(db)',
    'mysql://u:%CANARY@db/dicom',
    'mysql://u:p@db/dicom?CANARY=1=2',
    'mysql://u:p@db/dicom?charset=CANARY',
    'mysql://u:p@db/dicom?ssl-mode=CANARY',
    'u:p@tcp(db)/dicom?tls=CANARY',
  ])('refuses %s, and repeats no value of it', (dsn) => {
    expect(() => readMysqlDsn(dsn)).toThrow(DsnError);
    const fault = checkMysqlDsn(dsn)?.replace(/^CANARY is not a supported option of the DSN$/, '');
    expect(fault).toBeDefined();
    expect(fault).not.toContain('CANARY');
  });

  it.each(['u:p@tcp(db:PORT)/dicom', 'u:p@tcp([::1]:PORT)/dicom', 'mysql://u:p@db:PORT/dicom'])(
    'accepts the ports 1 to 65535 only in %s',
    async (form) => {
      for (const port of [1, 65_535]) expect(readMysqlDsn(form.replace('PORT', `${port}`)).port).toBe(port);
      for (const port of [65_536, 99_999, 0]) {
        const dsn = form.replace('PORT', `${port}`);
        expect(checkMysqlDsn(dsn)).toMatch(/^expected mysql:/);
        await expect(
          openMysql({ name: 'mysql', dsn, connectTimeoutMs: 1_000, statementTimeoutMs: 1_000 }),
        ).rejects.toMatchObject({ name: 'SinkError', code: 'misconfigured', detail: 'invalid_dsn' });
      }
    },
  );

  it('names an option that it does not know', () => {
    expect(checkMysqlDsn('u:p@tcp(db)/dicom?timeout=5s')).toBe('timeout is not a supported option of the DSN');
    expect(checkMysqlDsn('mysql://u:p@db/dicom?multipleStatements=true')).toContain('multipleStatements');
    expect(checkMysqlDsn('u:p@tcp(db)/dicom?charset=latin1')).toBe('charset: the service writes utf8mb4 only');
  });
});

describe('TLS in a DSN', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dsn-'));
    writeFileSync(join(folder, 'ca.pem'), 'authority');
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const tls = (query: string, host = 'db') => readMysqlDsn(`mysql://u:p@${host}/dicom?${query}`);

  it.each([
    ['ssl-mode=DISABLED', undefined],
    ['tls=false', undefined],
    ['ssl-mode=preferred', { rejectUnauthorized: false, verifyIdentity: false }],
    ['tls=skip-verify', { rejectUnauthorized: false, verifyIdentity: false }],
    ['ssl-mode=VERIFY_CA', { rejectUnauthorized: true, verifyIdentity: false }],
    ['tls=true', { rejectUnauthorized: true, verifyIdentity: true }],
  ])('%s', (query, expected) => {
    expect(tls(query).tls).toEqual(expected);
  });

  it('checks authority and name if only the authority is given, and reads its file at every call', () => {
    const query = `ssl-ca=${folder}/ca.pem`;
    expect(tls(query).tls).toEqual({ ca: 'authority', rejectUnauthorized: true, verifyIdentity: true });
    writeFileSync(join(folder, 'ca.pem'), 'renewed');
    expect(tls(query).tls?.ca).toBe('renewed');
    expect(() => tls('ssl-ca=/does/not/exist')).toThrow('ENOENT');
  });

  it('connects without TLS only for PREFERRED', () => {
    expect(tls('tls=preferred').plainIfRefused).toBe(true);
    expect(tls('ssl-mode=REQUIRED').plainIfRefused).toBe(false);
  });

  it('refuses to compare a certificate with an address', () => {
    expect(() => tls('ssl-mode=VERIFY_IDENTITY', '10.0.0.1')).toThrow('needs a host name');
    expect(tls('ssl-mode=VERIFY_CA', '10.0.0.1').tls).toBeDefined();
  });
});

describe('describeMysqlDsn', () => {
  it('shows host, port and database only', () => {
    expect(describeMysqlDsn('u:p@/@tcp(db)/dicom?tls=true')).toBe('db:3306/dicom');
    expect(describeMysqlDsn('mysql://u:p@[::1]:1/dicom')).toBe('[::1]:1/dicom');
    expect(describeMysqlDsn('secret')).toBeUndefined();
  });
});
