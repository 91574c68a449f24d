/** Topics of one's own for a test, and what happens to topics: records deleted, partitions added, recreated, written in transactions. */

import { setTimeout as sleep } from 'node:timers/promises';
import { createAdmin } from '../../../src/kafka/admin/admin.ts';
import { connect, disconnect, newProducer } from '../../../src/kafka/client/client.ts';
import type { PartitionOffset } from '../../../src/kafka/client/types.ts';
import type { SourceEvents } from '../../../src/kafka/consumer/events.ts';
import type { KnownTopics } from '../../../src/kafka/consumer/known-topics.ts';
import { kafkaOrigin } from '../../../src/kafka/consumer/origin.ts';
import { KafkaSource } from '../../../src/kafka/consumer/source.ts';
import { createProducer } from '../../../src/kafka/producer/producer.ts';
import type { Origin } from '../../../src/records/records.ts';
import { createTopicAdmin, type TopicAdmin } from '../../../src/testing/topic-admin.ts';
import { until } from '../../../src/testing/until.ts';

const TIMEOUT_MS = 10_000;

export class TestTopics {
  readonly #connection: { readonly 'bootstrap.servers': string };

  constructor(brokers: string) {
    this.#connection = { 'bootstrap.servers': brokers };
  }

  async create(topic: string, partitions = 1): Promise<void> {
    const admin = createAdmin(this.#connection);
    await admin.createTopics([topic], partitions);
    admin.close();
  }

  async delete(topic: string): Promise<void> {
    const admin = createAdmin(this.#connection);
    await admin.deleteTopics([topic]);
    while ((await admin.partitions(topic).catch(() => [])).length > 0) await sleep(50);
    admin.close();
  }

  async recreate(topic: string, partitions = 1): Promise<void> {
    await this.delete(topic);
    // The controller may still be deleting it.
    await until(
      `${topic} is there again`,
      async () => {
        await this.create(topic, partitions);
        return (await this.ends(topic).catch(() => [])).length === partitions;
      },
      TIMEOUT_MS,
    );
  }

  /** Records `${prefix}0`, `${prefix}1`, …, one after the other in a topic with one partition. */
  async fill(topic: string, count: number, prefix = 'v'): Promise<void> {
    const producer = createProducer({ name: 'test', config: this.#connection, deadlineMs: 30_000 });
    await producer.send(Array.from({ length: count }, (_, n) => ({ topic, key: `${n}`, value: `${prefix}${n}` })));
    await producer.close();
  }

  /** A transaction with so many records, committed or aborted. */
  async transaction(topic: string, count: number, end: 'commit' | 'abort'): Promise<void> {
    const producer = newProducer({ ...this.#connection, 'transactional.id': `${topic}-${end}` });
    const call = (start: (done: (error: unknown) => void) => void) =>
      new Promise<void>((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
    await connect(producer, TIMEOUT_MS);
    await call((done) => producer.initTransactions(TIMEOUT_MS, done));
    await call((done) => producer.beginTransaction(done));
    for (let n = 0; n < count; n++) producer.produce(topic, 0, Buffer.from(`${end}${n}`));
    await call((done) => producer.flush(TIMEOUT_MS, done));
    await call((done) =>
      end === 'commit' ? producer.commitTransaction(TIMEOUT_MS, done) : producer.abortTransaction(TIMEOUT_MS, done),
    );
    await disconnect(producer, TIMEOUT_MS);
  }

  /** Moves the beginning of partition 0's log, as retention does. */
  async deleteRecordsBelow(topic: string, offset: number): Promise<void> {
    await this.#withAdmin((admin) => admin.deleteRecords(topic, new Map([[0, offset]])));
  }

  async addPartitions(topic: string, total: number): Promise<void> {
    await this.#withAdmin((admin) => admin.addPartitions(topic, total));
  }

  async committed(group: string, topic: string): Promise<readonly PartitionOffset[]> {
    const admin = createAdmin(this.#connection);
    try {
      return await admin.committedOffsets(group, topic);
    } finally {
      admin.close();
    }
  }

  async ends(topic: string): Promise<readonly PartitionOffset[]> {
    const admin = createAdmin(this.#connection);
    try {
      return await admin.endOffsets(topic);
    } finally {
      admin.close();
    }
  }

  async #withAdmin(change: (admin: TopicAdmin) => Promise<void>): Promise<void> {
    const admin = createTopicAdmin(this.#connection['bootstrap.servers']);
    try {
      await change(admin);
    } finally {
      admin.close();
    }
  }

  /** A member of a group that acknowledges what it gets at once. */
  member(topic: string, options: MemberOptions = {}): TestMember {
    return new TestMember(this.#connection, topic, options);
  }
}

export interface MemberOptions {
  readonly group?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly events?: SourceEvents;
  /** Whether records are acknowledged. Default true. */
  readonly acknowledges?: () => boolean;
  /** Records emitted and not acknowledged, at most. Default 10,000. */
  readonly limit?: number;
  /** Default: source. */
  readonly commits?: 'source' | 'transaction';
  readonly knownTopics?: KnownTopics;
}

export interface Seen {
  readonly place: string;
  readonly value: string;
}

export interface Moved {
  readonly reason: string;
  readonly skipped: number;
}

/** What a source has reported so far. */
export class TestMember {
  readonly source: KafkaSource;
  readonly seen: Seen[] = [];
  readonly origins: Origin[] = [];
  readonly moved: Moved[] = [];
  readonly starts = new Map<string, { readonly offset: number; readonly reason: string }>();
  readonly lags = new Map<number, number | undefined>();
  /** The input's problem now; undefined when it is ready. */
  problem: string | undefined = 'not started';
  failure: unknown;

  constructor(
    connection: object,
    topic: string,
    { group = topic, limit = 10_000, commits = 'source', config, events, acknowledges, knownTopics }: MemberOptions,
  ) {
    this.source = new KafkaSource({
      name: topic,
      topics: [topic],
      config: {
        ...connection,
        'group.id': group,
        'auto.offset.reset': 'earliest',
        'partition.assignment.strategy': 'cooperative-sticky',
        'session.timeout.ms': 6_000,
        'heartbeat.interval.ms': 1_000,
        'fetch.queue.backoff.ms': 10,
        'fetch.wait.max.ms': 100,
        'statistics.interval.ms': 1_000,
        'topic.metadata.refresh.interval.ms': 2_000,
        ...config,
      },
      checkpointLimit: limit,
      commitPeriodMs: 200,
      drainTimeoutMs: 1_000,
      commits,
      ...(knownTopics === undefined ? {} : { knownTopics }),
      events: {
        ...events,
        assigned: (_, starts) => {
          for (const { partition, offset, reason } of starts) this.starts.set(String(partition), { offset, reason });
        },
        moved: (_, reason, __, ___, skipped) => this.moved.push({ reason, skipped }),
        readiness: (problem) => {
          this.problem = problem;
        },
        lags: (lags) => {
          for (const { partition, lag } of lags) this.lags.set(partition, lag);
        },
      },
    });
    this.source.records$.subscribe({
      next: (record) => {
        const { partition, offset } = kafkaOrigin(record.origin);
        this.origins.push(record.origin);
        this.seen.push({ place: `${partition}:${offset}`, value: record.value?.toString() ?? '' });
        if (acknowledges?.() ?? true) this.source.ack([record.origin]);
      },
      error: (error) => {
        this.failure = error;
      },
    });
  }

  /** Distinct values that start with this. */
  values(prefix: string): number {
    return new Set(this.seen.filter(({ value }) => value.startsWith(prefix)).map(({ value }) => value)).size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.close();
  }
}
