/** Records with Kafka origins, as the service consumes them. */
import type { TopicRecord } from '../../../src/kafka/admin/read-topic.ts';
import { KafkaOrigin } from '../../../src/kafka/consumer/origin.ts';
import type { ConsumedRecord } from '../../../src/records/records.ts';

/** An origin in partition 0. */
export function originAt(topic: string, offset: number): KafkaOrigin {
  return new KafkaOrigin({ topic, partition: 0, offset });
}

/** A record of a topic as the service consumes it. */
export function reconsumed(record: TopicRecord): ConsumedRecord {
  return { ...record, origin: new KafkaOrigin(record) };
}

/** A record as text that shows every byte of it. */
export function plain({ key, value, headers }: Pick<ConsumedRecord, 'key' | 'value' | 'headers'>): string {
  const hex = (bytes: Buffer | null) => (bytes === null ? 'none' : `'${bytes.toString('hex')}'`);
  return [hex(key), hex(value), ...headers.map(([name, of]) => `${JSON.stringify(name)}=${hex(of)}`)].join(' ');
}
