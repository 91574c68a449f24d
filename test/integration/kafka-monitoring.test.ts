import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { KafkaSource } from '../../src/kafka/consumer/source.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { Pipeline } from '../../src/testing/pipeline.ts';
import { until } from '../../src/testing/until.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

await describeWith(['kafka', 'postgres'], 'the monitoring of a source', ({ kafka, postgres }) => {
  const connection = { 'bootstrap.servers': kafka.brokers };

  it.skipIf(process.platform !== 'linux')(
    'keeps the connections of an idle source, however long its fetches wait at the broker',
    { timeout: 120 * SECONDS },
    async () => {
      const topic = freshName('idle');
      const admin = createAdmin(connection);
      await admin.createTopics([topic], 6);
      admin.close();
      const source = new KafkaSource({
        name: topic,
        topics: [topic],
        config: {
          ...connection,
          'group.id': topic,
          'auto.offset.reset': 'earliest',
          'session.timeout.ms': 6_000,
          'heartbeat.interval.ms': 1_500,
          'statistics.interval.ms': 5_000,
          'fetch.wait.max.ms': 5_000,
        },
        checkpointLimit: 100,
        commitPeriodMs: 1_000,
        drainTimeoutMs: 3_000,
      });
      source.records$.subscribe();
      const port = Number(kafka.brokers.split(':').at(-1));
      await sleep(12 * SECONDS);
      const before = localPorts(port);
      expect(before.length).toBeGreaterThan(0);
      await sleep(20 * SECONDS);
      const after = localPorts(port);
      expect(before.filter((each) => !after.includes(each))).toEqual([]);
      await source.close();
    },
  );

  it('delays no partition that a killed member leaves to another', { timeout: 120 * SECONDS }, async () => {
    await using pipeline = await Pipeline.create({ brokers: kafka.brokers, dsn: postgres.dsn, partitions: 6 });
    const logs = ['survivor', 'killed'].map((name) => `${pipeline.folder}/${name}.log`);
    const [, killed] = logs.map((log) => pipeline.start({}, [], { log }));
    // Both are members, and no partition was ever committed.
    await until('each has half of the partitions', () => logs.every((log) => assignedIn(log) === 3), 60 * SECONDS);
    await killed?.signal('SIGKILL');
    await until('one has all partitions', () => logs.slice(0, 1).every((log) => assignedIn(log) === 6), 30 * SECONDS);
    const producer = createProducer({ name: 'test', config: connection, deadlineMs: 30_000 });
    await producer.send(
      Array.from({ length: 120 }, (_, n) => ({ topic: pipeline.topics.input, key: `${n}`, value: '{}' })),
    );
    await producer.close();
    await pipeline.untilCommitted(20 * SECONDS);
  });
});

/** Local ports of this process' open connections to a port. */
function localPorts(remotePort: number): readonly number[] {
  const inodes = new Set(
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? ''];
      } catch {
        return [];
      }
    }),
  );
  return readFileSync('/proc/self/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote = '', state, , , , , , inode = '']) => {
      return state === '01' && Number.parseInt(remote.split(':')[1] ?? '', 16) === remotePort && inodes.has(inode);
    })
    .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16));
}

/** The number of partitions that the log's last lines say are assigned. */
function assignedIn(log: string): number {
  const assigned = new Set<string>();
  for (const line of readFileSync(log, 'utf8')
    .split('\n')
    .filter((each) => each.startsWith('{'))) {
    const { msg, partitions } = JSON.parse(line) as { msg: string; partitions?: (string | { topic: string })[] };
    for (const each of partitions ?? []) {
      if (typeof each !== 'string') continue;
      if (msg === 'partitions assigned') assigned.add(each);
      if (msg === 'partitions revoked') assigned.delete(each);
    }
  }
  return assigned.size;
}
