import { randomUUID } from 'node:crypto';
import { SourceError } from '../../errors.ts';
import type { RecordHeader } from '../../records/records.ts';
import {
  connect,
  disconnect,
  ERRORS,
  errorName,
  type NativeConfig,
  type NativeConsumer,
  type NativeMessage,
  newConsumer,
  type PartitionOffset,
} from '../client/client.ts';
import { toHeaders, toKey } from '../client/headers.ts';
import { createAdmin } from './admin.ts';

/** What to read of a topic. */
export interface ReadTopicOptions {
  /** Per partition, the first offset to read. Default: the partition's first offset. */
  readonly from?: ReadonlyMap<number, number>;
  /** Per partition, the offset to stop before. Default: the partition's end at the time of the call. */
  readonly to?: ReadonlyMap<number, number>;
  /** The only partition to read. Default: all. */
  readonly partition?: number;
  /** How long the brokers may send nothing before the end is reached, in milliseconds [30000]. */
  readonly idleMs?: number;
}

/** One record of a topic, with its partition and offset. */
export interface TopicRecord extends PartitionOffset {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
  /** Milliseconds since the epoch, as the broker reports it. */
  readonly timestamp: number;
}

const POLL_MS = 200;
const IDLE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Reads a topic between two offsets (default: from its beginning to its current end) without joining a group, so that a running service
 * isn't disturbed. `config` holds librdkafka's settings; with `isolation.level: read_committed`, aborted records are not read. Rejects with
 * a SourceError `unavailable` when the brokers don't answer, `ERR__TIMED_OUT` when they send nothing for `idleMs`.
 */
export async function* readTopic(
  config: NativeConfig,
  topic: string,
  options: ReadTopicOptions = {},
): AsyncGenerator<TopicRecord> {
  const spans = await spansOf(config, topic, options);
  const open = new Map(spans.filter((span) => span.from < span.to).map((span) => [span.partition, span.to]));
  if (open.size === 0) return;

  const consumer = newConsumer({
    'auto.offset.reset': 'earliest',
    'fetch.queue.backoff.ms': 10,
    ...config,
    'group.id': `read-${randomUUID()}`,
    'enable.auto.commit': false,
    'enable.partition.eof': true,
  });
  consumer.setDefaultConsumeTimeout(POLL_MS);
  consumer.setDefaultIsTimeoutOnlyForFirstMessage(true);
  try {
    await connect(consumer, CONNECT_TIMEOUT_MS);
    // The event precedes the records of the same poll, so it is evaluated after they are yielded.
    const ended = new Set<number>();
    // A partition may end in a transaction marker, which is never delivered. Only the EOF event shows that the end was reached.
    consumer.on('partition.eof', ({ partition, offset }) => {
      if (offset >= (open.get(partition) ?? 0)) ended.add(partition);
    });
    consumer.assign(spans.map(({ partition, from }) => ({ topic, partition, offset: from })));
    let progressAt = performance.now();
    while (open.size > 0) {
      const messages = await poll(consumer);
      for (const message of messages) {
        const end = open.get(message.partition);
        if (end === undefined) continue;
        if (message.offset < end) yield toTopicRecord(message);
        if (message.offset + 1 >= end) open.delete(message.partition);
      }
      for (const partition of ended) open.delete(partition);
      if (messages.length > 0) progressAt = performance.now();
      else if (open.size > 0 && performance.now() - progressAt > (options.idleMs ?? IDLE_MS))
        throw new SourceError('unavailable', errorName({ code: ERRORS.ERR__TIMED_OUT }));
    }
  } finally {
    await disconnect(consumer, CLOSE_TIMEOUT_MS);
  }
}

function toTopicRecord({ topic, partition, offset, key, value, headers, timestamp }: NativeMessage): TopicRecord {
  return { topic, partition, offset, key: toKey(key), value, headers: toHeaders(headers), timestamp: timestamp ?? 0 };
}

interface Span {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

async function spansOf(config: NativeConfig, topic: string, options: ReadTopicOptions): Promise<readonly Span[]> {
  const admin = createAdmin(config);
  try {
    const ends = new Map((await admin.endOffsets(topic)).map(({ partition, offset }) => [partition, offset]));
    return (await admin.beginOffsets(topic))
      .filter(({ partition }) => options.partition === undefined || options.partition === partition)
      .map(({ partition, offset }) => ({
        partition,
        from: Math.max(offset, options.from?.get(partition) ?? 0),
        to: Math.min(ends.get(partition) ?? 0, options.to?.get(partition) ?? Number.POSITIVE_INFINITY),
      }));
  } finally {
    admin.close();
  }
}

function poll(consumer: NativeConsumer): Promise<readonly NativeMessage[]> {
  return new Promise((resolve, reject) => {
    consumer.consume(500, (error, messages) => (error ? reject(error) : resolve(messages)));
  });
}
