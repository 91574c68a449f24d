/** The records that `group_dicom_state` passes on in Redpanda Connect. The metadata `record_type` and `key` say what each of them is. */
import type { ConnectMessage, ConnectStruct, ConnectValue, NewMessage } from '../connect-plugin/index.ts';
import { deadLetter } from '../dead-letters/format.ts';
import { ORIGIN_HEADERS } from '../kafka/consumer/origin.ts';
import type { PoisonRecord, RecordHeader } from '../records/records.ts';
import { type GroupResult, messageOrigin } from './group-call.ts';

/** The metadata that Connect's Kafka inputs set beside the record's headers. */
const KAFKA_METADATA: ReadonlySet<string> = new Set([
  'kafka_key',
  'kafka_topic',
  'kafka_partition',
  'kafka_offset',
  'kafka_lag',
  'kafka_timestamp_ms',
  'kafka_timestamp_unix',
  'kafka_tombstone_message',
]);

/** One object record per file, one state record per series, one image record per instance, and the dead letters. */
export function outputMessages({ grouped, poison }: GroupResult): readonly NewMessage[] {
  const messages: NewMessage[] = [];
  for (const { file } of grouped) messages.push(message('object', file.object.identity, file.object.json));
  for (const { state } of grouped) if (state !== null) messages.push(message('state', state.key, state.json));
  for (const { image } of grouped) if (image !== null) messages.push(message('image', image.key, image.json));
  for (const record of poison) messages.push(deadLetterMessage(record));
  return messages;
}

function message(type: string, key: string, content: Buffer): NewMessage {
  return { content, metadata: { record_type: type, key } };
}

/** The record as it was consumed, with the headers that the Node engine gives a dead letter as metadata. */
function deadLetterMessage(poison: PoisonRecord): NewMessage {
  const { message: consumed } = messageOrigin(poison.source.origin);
  const { metadata } = consumed;
  const { headers } = deadLetter('', poison, () => originHeaders(metadata));
  const errorMetadata = Object.fromEntries((headers ?? []).map(([name, value]) => [name, value?.toString() ?? null]));
  const own = Object.entries(metadata).filter(([name]) => !KAFKA_METADATA.has(name));
  const key = textOf(metadata.kafka_key);
  return {
    content: consumed.bytes,
    metadata: { ...Object.fromEntries(own), ...errorMetadata, record_type: 'dead_letter', key },
  };
}

/** Where the record came from, if a Kafka input says so. */
function originHeaders({ kafka_topic: topic, kafka_partition: partition, kafka_offset: offset }: ConnectStruct) {
  const header = (name: string, value: ConnectValue | undefined): RecordHeader[] =>
    value === undefined ? [] : [[name, Buffer.from(textOf(value))]];
  return [
    ...header(ORIGIN_HEADERS.topic, topic),
    ...header(ORIGIN_HEADERS.partition, partition),
    ...header(ORIGIN_HEADERS.offset, offset),
  ];
}

function textOf(value: ConnectValue | undefined): string {
  if (value === undefined || value === null) return '';
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
}

/** The value as it was consumed. Kafka's null value reaches a plugin as an empty one. */
export function consumedValue(consumed: ConnectMessage): Buffer | null {
  const { bytes } = consumed;
  return bytes.length === 0 && consumed.metadata.kafka_tombstone_message === true ? null : bytes;
}
