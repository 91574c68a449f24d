/** Counts the records of topics as they arrive: the embedded broker drops older records, so counting at the end would miss some. */
import { ERROR_HEADERS } from '../dead-letters/format.ts';
import { connect, disconnect, type NativeMessage, newConsumer } from '../kafka/client/client.ts';
import { toHeaders } from '../kafka/client/headers.ts';
import { ORIGIN_HEADERS } from '../kafka/consumer/origin.ts';

export interface TopicCount {
  readonly records: number;
  /** Distinct records: outputs by key, dead letters by the position of their original record. */
  readonly distinct: number;
  /** Dead letters by the error's name and code, where records carry one. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface TopicTally {
  count(topic: string): TopicCount;
  close(): Promise<void>;
}

export interface TopicTallyOptions {
  readonly broker: string;
  readonly topics: readonly string[];
  readonly partitionsPerTopic: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const POLL_MS = 50;
const FETCH = 500;

const ORIGIN: readonly string[] = Object.values(ORIGIN_HEADERS);

/** Starts counting. It joins no group and commits nothing. */
export async function tallyTopics({ broker, topics, partitionsPerTopic }: TopicTallyOptions): Promise<TopicTally> {
  const counts = new Map(
    topics.map((topic) => [topic, { records: 0, seen: new Set<string>(), errors: {} as Record<string, number> }]),
  );
  const consumer = newConsumer({
    'bootstrap.servers': broker,
    'group.id': 'wado-demo-tally',
    'enable.auto.commit': false,
    'auto.offset.reset': 'earliest',
    'fetch.wait.max.ms': 10,
    'fetch.queue.backoff.ms': 10,
  });
  consumer.on('event.error', () => undefined);
  await connect(consumer, CONNECT_TIMEOUT_MS);
  consumer.setDefaultConsumeTimeout(POLL_MS);
  consumer.assign(
    topics.flatMap((topic) =>
      Array.from({ length: partitionsPerTopic }, (_, partition) => ({ topic, partition, offset: 0 })),
    ),
  );

  let running = true;
  const polling = (async () => {
    while (running) for (const message of await consume()) enter(message);
  })();

  function consume(): Promise<readonly NativeMessage[]> {
    return new Promise((resolve) => consumer.consume(FETCH, (error, messages) => resolve(error ? [] : messages)));
  }

  function enter(message: NativeMessage): void {
    const count = counts.get(message.topic);
    if (count === undefined) return;
    count.records++;
    const headers = new Map(toHeaders(message.headers).map(([name, value]) => [name, value?.toString() ?? '']));
    const origin = ORIGIN.map((name) => headers.get(name));
    const error = headers.get(ERROR_HEADERS.message);
    count.seen.add(error === undefined ? String(message.key) : origin.join('/'));
    if (error !== undefined) count.errors[error] = (count.errors[error] ?? 0) + 1;
  }

  return {
    count: (topic) => {
      const count = counts.get(topic);
      return { records: count?.records ?? 0, distinct: count?.seen.size ?? 0, errors: { ...count?.errors } };
    },
    close: async () => {
      running = false;
      await polling;
      await disconnect(consumer, CONNECT_TIMEOUT_MS);
    },
  };
}

/** The sum of a group's committed offsets: on a broker without gaps, the number of records that it has processed. */
export async function committedRecords(
  broker: string,
  group: string,
  topic: string,
  partitions: number,
): Promise<number> {
  const consumer = newConsumer({ 'bootstrap.servers': broker, 'group.id': group, 'enable.auto.commit': false });
  consumer.on('event.error', () => undefined);
  await connect(consumer, CONNECT_TIMEOUT_MS);
  try {
    const asked = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
    const answered = await new Promise<readonly { offset?: number }[]>((resolve, reject) => {
      consumer.committed(asked, CONNECT_TIMEOUT_MS, (error, offsets) => (error ? reject(error) : resolve(offsets)));
    });
    return answered.reduce((sum, { offset }) => sum + Math.max(0, offset ?? 0), 0);
  } finally {
    await disconnect(consumer, CONNECT_TIMEOUT_MS);
  }
}
