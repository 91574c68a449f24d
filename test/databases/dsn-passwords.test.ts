import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDorisDsn } from '../../src/databases/doris/dsn.ts';
import { readMysqlDsn } from '../../src/databases/mysql/dsn.ts';
import { readPostgresDsn } from '../../src/databases/postgres/dsn.ts';
import { DATABASE_DRIVERS } from '../../src/databases/registry.ts';

const { mysql, postgres, doris } = DATABASE_DRIVERS;
const mysqlAddresses = (dsn: string) => [readMysqlDsn(dsn).name];
const FORMS = [
  {
    form: 'mysql:// URI',
    driver: mysql,
    dsn: (password: string, query: string) => `mysql://root:${password}@db/dicom${query}`,
    addresses: mysqlAddresses,
    address: 'db:3306',
  },
  {
    form: "MySQL's Go form",
    driver: mysql,
    dsn: (password: string, query: string) => `root:${password}@tcp(db)/dicom${query}`,
    addresses: mysqlAddresses,
    address: 'db:3306',
  },
  {
    form: 'postgres:// URI',
    driver: postgres,
    dsn: (password: string, query: string) => `postgres://root:${password}@db/dicom${query}`,
    addresses: (dsn: string) => readPostgresDsn(dsn).addresses.map(({ name }) => name),
    address: 'db:5432',
  },
  {
    form: 'doris:// URI',
    driver: doris,
    dsn: (password: string, query: string) => `doris://root:${password}@db/dicom${query}`,
    addresses: (dsn: string) => readDorisDsn(dsn).frontends.map(({ name }) => name),
    address: 'db:8030',
  },
] as const;

// `zqx` and `wvk` are in no text of ours. The longer pieces look like the rest of a DSN.
const PIECES = [
  ...['8', '3306', 'zqx', 'wvk', '/', '?', '#', '@', ':', '%', '&', '=', ',', '[', ']', '(', ')', '\\', ' ', '\n'],
  ...[
    '%2F',
    '%40',
    '%3A',
    '@zqx/',
    '@tcp(zqx)/wvk',
    '@unix(/zqx)/wvk',
    '?host=',
    '&port=',
    '?tls=true',
    '?zqx=',
    '://',
  ],
];
const password = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 7 }).map((each) => each.join(''));

describe.each(FORMS)('the password in the $form', ({ driver, dsn, addresses, address }) => {
  it('is not read as host or database, whichever characters are left unencoded', () => {
    fc.assert(
      fc.property(password, fc.constantFrom('', '?tls=true'), (secret, query) => {
        const text = dsn(secret, query);
        const fault = driver.checkDsn(text);
        expect(fault ?? '').not.toMatch(/zqx|wvk|3306\/zqx/);
        const described = driver.describe(text)?.replace(/:\d+/, '');
        expect([undefined, 'db/dicom']).toContain(described);
        if (fault === undefined) expect(addresses(text)).toEqual([address]);
        else expect(() => addresses(text)).toThrow(fault);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is refused with a text that says what to encode if its / would end the host', () => {
    for (const secret of ['8/xyz', '8?xyz', '8#xyz', 'p@8/xyz', '8/xyz?tls']) {
      const text = dsn(secret, '');
      const readable = text.includes('tcp(');
      expect(driver.checkDsn(text)).toEqual(readable ? undefined : expect.stringContaining('percent-encoded'));
      expect(driver.describe(text)).toBe(readable ? 'db:3306/dicom' : undefined);
    }
  });

  it('may have every character if it is encoded', () => {
    const text = dsn(encodeURIComponent('p@8/x?y#z:[]%'), '');
    expect(driver.checkDsn(text)).toBeUndefined();
    expect(driver.describe(text)).toMatch(/^db(:\d+)?\/dicom$/);
    expect(addresses(text)).toEqual([address]);
  });
});

describe('a URI whose account and host are encoded as one', () => {
  it.each([
    ['mysql', mysql],
    ['postgres', postgres],
    ['doris', doris],
  ] as const)('is refused by %s and not described', (scheme, driver) => {
    const text = `${scheme}://${encodeURIComponent('root:8/zqx@db')}/dicom`;
    expect(driver.checkDsn(text)).toMatch(/^expected/);
    expect(driver.describe(text)).toBeUndefined();
  });
});

describe('a host', () => {
  it.each([
    ['mysql://u:p@db_1.example-2/dicom', mysql],
    ['mysql://u:p@dätabase/dicom', mysql],
    ['u:p@tcp([fe80::1%eth0]:3306)/dicom', mysql],
    ['u:p@unix(/run/a@b.sock)/dicom', mysql],
    ['postgres://u:p@[::1],10.0.0.1/dicom', postgres],
    ['postgres://u:p@%2Frun%2Fpostgresql/dicom', postgres],
    ['postgres:///dicom?host=/run/a%40b', postgres],
  ] as const)('may be a name, an address or a socket: %s', (dsn, driver) => {
    expect(driver.checkDsn(dsn)).toBeUndefined();
  });
});
