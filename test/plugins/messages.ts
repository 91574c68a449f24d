import type { CallContext, ConnectMessage, ConnectStruct } from '../../src/connect-plugin/index.ts';
import { readBatch, writeBatch } from '../../src/connect-plugin/message.ts';
import { Reader, Writer } from '../../src/connect-plugin/value.ts';

/** A record as Redpanda Connect sends it. */
export function received(content: Buffer, metadata: ConnectStruct = {}): ConnectMessage {
  const bytes = writeBatch([{ content, metadata }], Writer.create()).finish();
  const [message] = readBatch(Reader.create(bytes), bytes.length);
  if (message === undefined) throw new Error('no message was read');
  return message;
}

/** The metadata of Connect's Kafka input. */
export function kafkaMetadata(key: string, offset: number): ConnectStruct {
  return {
    kafka_key: key,
    kafka_topic: 'storage_queue',
    kafka_partition: 3,
    kafka_offset: offset,
    kafka_timestamp_unix: 1,
    kafka_timestamp_ms: 1_000,
    kafka_tombstone_message: false,
    kafka_lag: 0,
  };
}

/** A call that is not cancelled. */
export const context: CallContext = { signal: new AbortController().signal };
