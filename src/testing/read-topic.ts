import { randomUUID } from 'node:crypto';
import { createAdmin } from '../kafka/admin.ts';
import { connect, disconnect, type NativeConfig, type NativeMessage, newConsumer } from '../kafka/client.ts';
import { toHeaders } from '../kafka/headers.ts';
import type { ConsumedRecord } from '../records/records.ts';

/**
 * Reads every record of a topic, from its beginning to where it ends now, without joining a group. `config` is librdkafka's: give
 * `isolation.level: read_committed` to see what a transactional reader sees.
 */
export async function* readTopic(config: NativeConfig, topic: string): AsyncGenerator<ConsumedRecord> {
  const admin = createAdmin({ 'bootstrap.servers': config['bootstrap.servers'] });
  const begin = await admin.beginOffsets(topic);
  const end = new Map((await admin.endOffsets(topic)).map(({ partition, offset }) => [partition, offset]));
  admin.close();
  const open = new Set(
    begin.filter(({ partition, offset }) => offset < (end.get(partition) ?? 0)).map((each) => each.partition),
  );
  if (open.size === 0) return;

  const consumer = newConsumer({
    'auto.offset.reset': 'earliest',
    ...config,
    'group.id': `read-${randomUUID()}`,
    'enable.auto.commit': false,
    'enable.partition.eof': true,
    'fetch.queue.backoff.ms': 10,
  });
  consumer.setDefaultConsumeTimeout(200);
  consumer.setDefaultIsTimeoutOnlyForFirstMessage(true);
  try {
    await connect(consumer, 10_000);
    consumer.assign(begin.map(({ topic: name, partition, offset }) => ({ topic: name, partition, offset })));
    // The end of a partition may be a transaction marker, which is never handed out: its EOF event says that it was reached.
    consumer.on('partition.eof', ({ partition, offset }) => {
      if (offset >= (end.get(partition) ?? 0)) open.delete(partition);
    });
    while (open.size > 0) {
      for (const message of await take(consumer)) {
        yield toRecord(message);
        if (message.offset + 1 >= (end.get(message.partition) ?? 0)) open.delete(message.partition);
      }
    }
  } finally {
    await disconnect(consumer, 5_000);
  }
}

function take(consumer: ReturnType<typeof newConsumer>): Promise<readonly NativeMessage[]> {
  return new Promise((resolve, reject) => {
    consumer.consume(1_000, (error, messages) => (error ? reject(error) : resolve(messages)));
  });
}

function toRecord({ topic, partition, offset, key, value, headers, timestamp }: NativeMessage): ConsumedRecord {
  return {
    topic,
    partition,
    offset,
    key: typeof key === 'string' ? Buffer.from(key) : (key ?? null),
    value,
    headers: toHeaders(headers),
    timestamp: timestamp ?? 0,
  };
}
