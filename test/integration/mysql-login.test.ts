import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMysqlSink } from '../../src/databases/mysql/sink.ts';
import { type Authority, createAuthority } from '../../src/testing/certificates.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';
import { freshMysql, type MysqlDatabase } from './mysql-database.ts';
import { describeMysqls } from './support/mysql-servers.ts';
import { OwnMysql } from './support/own-mysql.ts';
import { describeWith } from './support/services.ts';

await describeMysqls('logging in', ({ dsn: server }) => {
  let database: MysqlDatabase;
  beforeAll(async () => {
    database = await freshMysql(server);
  });
  afterAll(() => database.drop());

  it('uses a rotated password at the next connection, without a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'secret-'));
    const secret = join(folder, 'dsn');
    const user = freshName('user').slice(0, 32);
    await database.query(`create user ${user}@'%' identified by 'first'`);
    await database.query(`grant all on ${database.name}.* to ${user}@'%'`);
    writeFileSync(secret, database.as(user, 'first'));
    const sink = createMysqlSink({
      name: 'mysql',
      dsn: () => readFileSync(secret, 'utf8'),
      migrate: true,
      connections: 1,
    });
    await sink.connect();
    expect(await sink.write(batchOf([{ sop_uid: '1' }]))).toEqual([]);

    await database.query(`alter user ${user}@'%' identified by 'second'`);
    for (const { id } of await database.query(`select id from information_schema.processlist where user = '${user}'`))
      await database.query(`kill ${Number(id)}`);
    const batch = batchOf([{ sop_uid: '2' }]);
    await expect(
      sink.write(batch).then(
        () => sink.write(batch),
        () => sink.write(batch),
      ),
    ).rejects.toMatchObject({ code: 'unavailable', detail: '1045' });
    writeFileSync(secret, database.as(user, 'second'));
    expect(await sink.write(batch)).toEqual([]);

    rmSync(secret);
    const other = createMysqlSink({ name: 'mysql', dsn: () => readFileSync(secret, 'utf8') });
    await expect(other.connect()).rejects.toMatchObject({ code: 'unavailable', detail: 'dsn_unreadable' });
    await sink.close();
    await database.query(`drop user ${user}@'%'`);
    rmSync(folder, { recursive: true });
  });

  it("also takes Go's form of the DSN", async () => {
    const { hostname, port } = new URL(database.dsn);
    const user = freshName('user').slice(0, 32);
    await database.query(`create user ${user}@'%' identified by 'p@ss/:?word'`);
    await database.query(`grant all on ${database.name}.* to ${user}@'%'`);
    const dsn = `${user}:p@ss/:?word@tcp(${hostname}:${port})/${database.name}?parseTime=true`;
    const sink = createMysqlSink({ name: 'mysql', dsn: () => dsn, migrate: true });
    await expect(sink.connect()).resolves.toBeUndefined();
    await sink.close();
    await database.query(`drop user ${user}@'%'`);
  });
});

await describeWith(['mysql'], 'caching_sha2_password', ({ mysql: { dsn } }) => {
  it('works without TLS, whether the server has cached the password or not', async () => {
    const database = await freshMysql(dsn);
    const user = freshName('user').slice(0, 32);
    await database.query(`create user ${user}@'%' identified with caching_sha2_password by 'sha2'`);
    await database.query(`grant all on ${database.name}.* to ${user}@'%'`);
    for (const _ of ['not cached', 'cached']) {
      const sink = createMysqlSink({ name: 'mysql', dsn: () => database.as(user, 'sha2'), migrate: true });
      await expect(sink.connect()).resolves.toBeUndefined();
      await sink.close();
    }
    await database.query(`drop user ${user}@'%'`);
    await database.drop();
  });
});

await describeMysqls('TLS', ({ name }) => {
  let authority: Authority;
  let own: OwnMysql | undefined;
  beforeAll(async () => {
    const made = createAuthority();
    if (made === undefined) return;
    authority = made;
    own = await OwnMysql.start(name, authority.caFile, authority.issue({ names: 'DNS:localhost' }));
  });
  afterAll(async () => {
    await own?.[Symbol.asyncDispose]();
    authority?.remove();
  });

  /** Connects as a user that the server accepts only with TLS. */
  async function connect(query: string, host = 'localhost'): Promise<void> {
    const dsn = new URL(own?.dsn ?? '');
    dsn.hostname = host;
    const sink = createMysqlSink({
      name: 'mysql',
      dsn: () => `${dsn.href.replace('dicom:dicom', 'secure:secure')}?${query}`,
      migrate: true,
    });
    try {
      await sink.connect();
      expect(await sink.write(batchOf([{}]))).toEqual([]);
    } finally {
      await sink.close();
    }
  }

  it('encrypts, and checks the authority and the name as ssl-mode says', async (context) => {
    if (own === undefined) return context.skip('the openssl command is not installed');
    const admin = await mysql.createConnection(own.dsn);
    await admin.query("create user secure@'%' identified by 'secure' require ssl");
    await admin.query("grant all on dicom.* to secure@'%'");
    await admin.end();
    const ca = `ssl-ca=${authority.caFile}`;

    await connect('ssl-mode=REQUIRED');
    await connect('tls=preferred');
    await connect(ca);
    await connect(`ssl-mode=VERIFY_CA&${ca}`, '127.0.0.1');
    await expect(connect('ssl-mode=DISABLED')).rejects.toMatchObject({ code: 'unavailable', detail: '1045' });
    // Node's own list doesn't have this authority.
    await expect(connect('tls=true')).rejects.toMatchObject({ code: 'unavailable', operation: 'connect' });

    await own.present(authority.issue({ names: 'DNS:other.example' }));
    await connect(`ssl-mode=VERIFY_CA&${ca}`);
    await expect(connect(ca)).rejects.toMatchObject({
      code: 'unavailable',
      detail: 'ERR_TLS_CERT_ALTNAME_INVALID',
      operation: 'connect',
    });
    // MySQL itself refuses to load an expired certificate.
    if (name === 'mysql') return;
    await own.present(authority.issue({ names: 'DNS:localhost', days: -1 }));
    await expect(connect(ca)).rejects.toMatchObject({ code: 'unavailable', detail: 'CERT_HAS_EXPIRED' });
    await connect('ssl-mode=REQUIRED');
  });
});
