import { setTimeout as sleep } from 'node:timers/promises';
import type { Subscription } from 'rxjs';
import { expect, it, vi } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { readTopic, type TopicRecord } from '../../src/kafka/admin/read-topic.ts';
import type { SourceEvents } from '../../src/kafka/consumer/events.ts';
import { kafkaOrigin } from '../../src/kafka/consumer/origin.ts';
import { KafkaSource } from '../../src/kafka/consumer/source.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import type { ConsumedRecord } from '../../src/records/records.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { until } from '../../src/testing/until.ts';
import { describeWith } from './support/services.ts';

const MINUTE = 60_000;

await describeWith(['kafka'], 'the Kafka source', ({ kafka }) => {
  const connection = { 'bootstrap.servers': kafka.brokers };

  async function topicOf(records: number, partitions = 3): Promise<string> {
    const topic = freshName('source');
    const admin = createAdmin(connection);
    await admin.createTopics([topic], partitions);
    admin.close();
    const producer = createProducer({ name: 'test', config: connection, deadlineMs: 30_000 });
    await producer.send(Array.from({ length: records }, (_, i) => ({ topic, key: `k${i}`, value: `v${i}` })));
    await producer.close();
    return topic;
  }

  function sourceOf(
    topic: string,
    group: string,
    options: { limit?: number; events?: SourceEvents; protocol?: object } = {},
  ) {
    return new KafkaSource({
      name: topic,
      topics: [topic],
      config: {
        ...connection,
        'group.id': group,
        'auto.offset.reset': 'earliest',
        'partition.assignment.strategy': 'cooperative-sticky',
        'session.timeout.ms': 6_000,
        'fetch.queue.backoff.ms': 10,
        ...options.protocol,
      },
      checkpointLimit: options.limit ?? 10_000,
      commitPeriodMs: 200,
      drainTimeoutMs: 3_000,
      ...(options.events === undefined ? {} : { events: options.events }),
    });
  }

  const origins = (records: readonly ConsumedRecord[]) => records.map((record) => record.origin);
  const offsetOf = (record: ConsumedRecord) => kafkaOrigin(record.origin).offset;

  async function committed(group: string, topic: string) {
    const admin = createAdmin(connection);
    try {
      return await admin.committedOffsets(group, topic);
    } finally {
      admin.close();
    }
  }

  it('emits every record once and commits the end when all are acknowledged', async () => {
    const topic = await topicOf(1_000);
    const source = sourceOf(topic, topic);
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      source.records$.subscribe((record) => {
        seen.push(record.value?.toString() ?? '');
        source.ack([record.origin]);
        if (seen.length === 1_000) resolve();
      });
    });
    await source.close();
    expect(new Set(seen).size).toBe(1_000);
    const admin = createAdmin(connection);
    expect(await admin.committedOffsets(topic, topic)).toEqual(await admin.endOffsets(topic));
    admin.close();
  });

  it('emits no more records than its limit while none is acknowledged', async () => {
    const topic = await topicOf(2_000);
    const source = sourceOf(topic, topic, { limit: 100 });
    const seen: ConsumedRecord[] = [];
    const subscription = source.records$.subscribe((record) => seen.push(record));
    await until('100 records are consumed', () => seen.length === 100, MINUTE);
    await sleep(500);
    expect(seen).toHaveLength(100);
    source.ack(origins(seen.slice(0, 50)));
    await until('150 records are consumed', () => seen.length === 150, MINUTE);
    subscription.unsubscribe();
    await source.close();
  });

  it('keeps its partitions while it is full for longer than max.poll.interval.ms', async () => {
    const topic = await topicOf(500, 1);
    const revoked: boolean[] = [];
    const source = sourceOf(topic, topic, {
      limit: 100,
      protocol: { 'max.poll.interval.ms': 8_000 },
      events: { revoked: (_, lost) => revoked.push(lost) },
    });
    const seen: ConsumedRecord[] = [];
    source.records$.subscribe((record) => seen.push(record));
    await until('100 records are consumed', () => seen.length === 100, MINUTE);
    await sleep(12_000);
    expect(revoked).toEqual([]);
    let acked = 0;
    await until(
      'all records are consumed',
      () => {
        source.ack(origins(seen.slice(acked)));
        acked = seen.length;
        return seen.length === 500;
      },
      MINUTE,
    );
    await source.close();
    expect(seen.map(offsetOf)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it('commits only up to the first record that is not acknowledged', async () => {
    const topic = await topicOf(10, 1);
    const source = sourceOf(topic, topic);
    const seen: ConsumedRecord[] = [];
    const subscription = source.records$.subscribe((record) => seen.push(record));
    await until('10 records are consumed', () => seen.length === 10, MINUTE);
    source.ack(origins(seen.filter((record) => offsetOf(record) !== 4)));
    subscription.unsubscribe();
    await source.close();
    expect(await committed(topic, topic)).toEqual([{ topic, partition: 0, offset: 4 }]);
  });

  it.each([
    ['cooperative', {}],
    ['eager', { 'partition.assignment.strategy': 'range' }],
    [
      'consumer',
      { 'group.protocol': 'consumer', 'partition.assignment.strategy': undefined, 'session.timeout.ms': undefined },
    ],
  ])('skips nothing while members join and leave (%s)', async (_, overrides) => {
    const records = 6_000;
    const topic = await topicOf(records, 6);
    const protocol = Object.fromEntries(
      Object.entries({
        'partition.assignment.strategy': 'cooperative-sticky',
        'session.timeout.ms': 6_000,
        ...overrides,
      }).filter(([, value]) => value !== undefined),
    );
    const seen = new Set<string>();
    const startMember = () => {
      const source = new KafkaSource({
        name: topic,
        topics: [topic],
        config: {
          ...connection,
          'group.id': topic,
          'auto.offset.reset': 'earliest',
          ...protocol,
        },
        checkpointLimit: 50,
        commitPeriodMs: 100,
        drainTimeoutMs: 3_000,
      });
      const subscription: Subscription = source.records$.subscribe((record) => {
        // Slow and out of order, so that a rebalance always finds records in flight.
        setTimeout(() => {
          seen.add(record.value?.toString() ?? '');
          source.ack([record.origin]);
        }, Math.random() * 40);
      });
      return { source, subscription };
    };
    const first = startMember();
    await until('more than 300 records are consumed', () => seen.size > 300, MINUTE);
    const second = startMember();
    await until('more than 1,500 records are consumed', () => seen.size > 1_500, MINUTE);
    await second.source.close();
    await until('more than 2,500 records are consumed', () => seen.size > 2_500, MINUTE);
    const third = startMember();
    await until('all records are consumed', () => seen.size === records, MINUTE);
    const admin = createAdmin(connection);
    await vi.waitFor(
      async () => expect(await admin.committedOffsets(topic, topic)).toEqual(await admin.endOffsets(topic)),
      30_000,
    );
    await Promise.all([first.source.close(), third.source.close()]);
    expect(await admin.committedOffsets(topic, topic)).toEqual(await admin.endOffsets(topic));
    admin.close();
  });

  it('reads a topic to its end, however slowly its records are consumed', async () => {
    const topic = await topicOf(3_000, 3);
    const seen = new Set<string>();
    for await (const record of readTopic(connection, topic)) {
      seen.add(record.value?.toString() ?? '');
      // The end of a partition is announced while its last records are still being handed out.
      if (seen.size % 100 === 0) await sleep(20);
    }
    expect(seen.size).toBe(3_000);
  });

  it('preserves keys, headers and bytes of records', async () => {
    const topic = await topicOf(0, 1);
    const producer = createProducer({ name: 'test', config: connection, deadlineMs: 30_000 });
    const bytes = Buffer.from([0, 255, 1, 128]);
    await producer.send([
      {
        topic,
        key: bytes,
        value: bytes,
        headers: [
          ['a', bytes],
          ['a', Buffer.from('again')],
          ['empty', Buffer.alloc(0)],
        ],
      },
      { topic, key: null, value: null },
    ]);
    await producer.close();
    const records: TopicRecord[] = [];
    for await (const record of readTopic(connection, topic)) records.push(record);
    expect(records).toMatchObject([
      {
        key: bytes,
        value: bytes,
        headers: [
          ['a', bytes],
          ['a', Buffer.from('again')],
          ['empty', Buffer.alloc(0)],
        ],
      },
      { key: null, value: null, headers: [] },
    ]);
  });
});
