import { describe, expect, it } from 'vitest';
import { checkDorisDsn, describeDorisDsn, readDorisDsn } from '../../../src/databases/doris/dsn.ts';

const DSN = 'doris://wado:p%40ss%3Aword@fe1,fe2:8031/dicom';

describe('the DSN of Doris', () => {
  it('names FEs, database and login, with defaults for what it leaves out', () => {
    expect(readDorisDsn(DSN)).toEqual({
      frontends: [
        { host: 'fe1', port: 8030, name: 'fe1:8030' },
        { host: 'fe2', port: 8031, name: 'fe2:8031' },
      ],
      database: 'dicom',
      user: 'wado',
      password: 'p@ss:word',
      mysqlPort: 9030,
      backends: [],
      redirectPolicy: undefined,
      replicationNum: 3,
      tls: undefined,
    });
  });

  it('reads every parameter', () => {
    const more = 'mysql_port=9031&backends=be1,[::1]:8041&redirect_policy=public&replication_num=1&tls=true';
    expect(readDorisDsn(`${DSN}?${more}`)).toMatchObject({
      mysqlPort: 9031,
      backends: [
        { host: 'be1', port: 8040, name: 'be1:8040' },
        { host: '::1', port: 8041, name: '[::1]:8041' },
      ],
      redirectPolicy: 'public',
      replicationNum: 1,
      tls: {},
    });
  });

  it.each([
    ['postgres://wado:secret@fe/dicom', /expected doris:\/\//],
    ['doris://fe/dicom', /expected doris:\/\//],
    ['doris://wado:secret@fe:8030', /database is missing/],
    ['doris://wado:secret@fe:8030/', /database is missing/],
    ['doris://wado:secret@fe/a/b', /expected doris:\/\//],
    ['doris://wado:secret@fe/a%2Fb', /database may only have/],
    ['doris://wado:secret@fe:0/dicom', /expected doris:\/\//],
    ['doris://wado:secret@fe:70000/dicom', /expected doris:\/\//],
    ['doris://wado:secret@fe,/dicom', /expected doris:\/\//],
    ['doris://wado:sec%ret@fe/dicom', /expected doris:\/\//],
    ['doris://wado:secret@fe/dicom?mysql_port=x', /^mysql_port: expected a number/],
    ['doris://wado:secret@fe/dicom?backends=secret/x', /^backends: expected host:port/],
    ['doris://wado:secret@fe/dicom?redirect_policy=secret', /^redirect_policy: expected direct, public, private/],
    ['doris://wado:secret@fe/dicom?tls=secret', /^tls: expected true, false/],
    ['doris://wado:secret@fe/dicom?tls_ca=secret', /^tls_ca: needs tls=true/],
    ['doris://wado:secret@fe/dicom?replication_num=0', /^replication_num: expected a number/],
    ['doris://wado:secret@fe/dicom?mysql_port=1&mysql_port=2', /^mysql_port: expected once/],
    ['doris://wado:secret@fe/dicom?secret=1', /^unknown option; known are mysql_port,/],
  ])('%s is refused with a text that names what is wrong, and no value', (dsn, fault) => {
    expect(checkDorisDsn(dsn)).toMatch(fault);
    expect(checkDorisDsn(dsn)).not.toContain('secret');
  });

  it('is described by its hosts and database', () => {
    expect(checkDorisDsn(DSN)).toBeUndefined();
    expect(describeDorisDsn(DSN)).toBe('fe1:8030,fe2:8031/dicom');
    expect(describeDorisDsn('doris://wado:se/cret@fe/dicom')).toBeUndefined();
  });
});
