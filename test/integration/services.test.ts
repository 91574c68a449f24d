import { RdKafka } from '@confluentinc/kafka-javascript';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freshDatabase, freshName } from '../../src/testing/fresh-database.ts';
import { describeWith } from './support/services.ts';

await describeWith(['postgres'], 'the PostgreSQL that the tests use', ({ postgres }) => {
  it(`is PostgreSQL 15 or newer and gives each test a database of its own (${postgres.how})`, async () => {
    const database = await freshDatabase(postgres.dsn);
    const client = new pg.Client(database.dsn);
    await client.connect();
    const { rows } = await client.query(
      "select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding",
    );
    await client.query('create table proof (n int)');
    await client.end();
    await database.drop();
    expect(rows).toEqual([{ version: expect.toSatisfy((version: number) => version >= 150_000), encoding: 'UTF8' }]);
  });
});

for (const [name, newer] of [
  ['mariadb', 'MariaDB 10.11'],
  ['mysql', 'MySQL 8.4'],
] as const) {
  await describeWith([name], `the ${name} that the tests use`, (services) => {
    const { dsn, how } = services[name];

    it(`is ${newer} or newer and gives each test a database of its own (${how})`, async () => {
      const fresh = freshName('test');
      const connection = await mysql.createConnection(dsn);
      await connection.query(`create database ${fresh}`);
      await connection.query(`drop database ${fresh}`);
      const [rows] = await connection.query<mysql.RowDataPacket[]>('select version() as version');
      await connection.end();
      const version = String(rows[0]?.version);
      const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
      expect(/mariadb/i.test(version)).toBe(name === 'mariadb');
      expect(Number(major) * 100 + Number(minor)).toBeGreaterThanOrEqual(name === 'mariadb' ? 1011 : 804);
    });
  });
}

await describeWith(['kafka'], 'the Kafka that the tests use', ({ kafka }) => {
  const producer = new RdKafka.Producer({ 'bootstrap.servers': kafka.brokers, dr_cb: true, 'linger.ms': 1 });
  beforeAll(async () => {
    await new Promise<void>((resolve, reject) => {
      producer.connect({ timeout: 10_000 }, (error) => (error ? reject(error) : resolve()));
    });
    producer.setPollInBackground(true);
  });
  afterAll(() => new Promise<void>((resolve) => producer.disconnect(() => resolve())));

  it(`makes topics of six partitions on first use and acknowledges what is written (${kafka.how})`, async () => {
    const topic = freshName('proof');
    const report = await new Promise<RdKafka.DeliveryReport>((resolve, reject) => {
      producer.once('delivery-report', (error, delivered) => (error ? reject(error) : resolve(delivered)));
      producer.produce(topic, null, Buffer.from('value'), 'key');
    });
    expect(report).toMatchObject({ topic, offset: 0 });
    const metadata = await new Promise<RdKafka.Metadata>((resolve, reject) => {
      producer.getMetadata({ topic, timeout: 10_000 }, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
    expect(metadata.topics.find(({ name }) => name === topic)?.partitions).toHaveLength(6);
  });
});
