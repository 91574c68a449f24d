import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import type { Component } from './component.ts';
import type { Compression, PartialTopicsConfig, ProducerConfig, TopicConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import {
  bool,
  byteSize,
  duration,
  fixedText,
  list,
  mapping,
  nonEmptyText,
  oneOf,
  onlyDefault,
  text,
} from './fields.ts';
import { kafkaConnectionFields, readKafkaConnection } from './kafka-connection.ts';
import { parseMetadataReference } from './record-expressions.ts';

const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

const producerFields = {
  ...kafkaConnectionFields,
  idempotent_write: bool().default(true),
  acks: text().default('all'),
  compression: oneOf([...COMPRESSIONS, '']).default(''),
  timeout: duration('1ms', '15m').default(10_000),
  max_message_bytes: byteSize('1kB', '1GB').default(1024 ** 2),
  partitioner: onlyDefault(''),
  allow_auto_topic_creation: onlyDefault(true),
  broker_write_max_bytes: onlyDefault('100MiB'),
  max_buffered_records: onlyDefault(10_000),
  max_buffered_bytes: onlyDefault('0'),
  max_in_flight_requests: onlyDefault(1),
  record_retries: onlyDefault(0),
  record_delivery_timeout: onlyDefault('0s'),
};

const metadataSchema = mapping({ include_prefixes: list(text()).default([]), include_patterns: onlyDefault([]) });

const topicSchema = mapping({
  ...producerFields,
  topic: fixedText(),
  key: nonEmptyText(),
  metadata: metadataSchema.default({ include_prefixes: [] }),
  // group_dicom_state's concurrency bounds what is in flight.
  max_in_flight: onlyDefault(256),
  partition: onlyDefault(''),
  timestamp: onlyDefault(''),
  timestamp_ms: onlyDefault(''),
  batching: onlyDefault({ count: 0, byte_size: 0, period: '', check: '', processors: [] }),
  inject_tracing_map: onlyDefault(''),
});

/** The record type of an output, from the literal in its case's check. */
export type RecordType = 'state' | 'image' | 'dead_letter';

export const RECORD_TYPES: readonly RecordType[] = ['state', 'image', 'dead_letter'];

/** The prefix of the headers that describe a dead letter's error (KIP-1034). */
const ERROR_PREFIX = '__streams.errors.';

const KEY = ['$', '{! @key }'].join('');

export interface TopicOutput {
  readonly component: Component<'redpanda'>;
  readonly fields: z.output<typeof topicSchema>;
}

/** Reads the fields of one `redpanda` output. */
export function readTopic(
  document: ConfigDocument,
  component: Component<'redpanda'>,
  type: RecordType,
): TopicOutput | undefined {
  const fields = document.check(topicSchema, component.body);
  if (fields === undefined) return undefined;
  const report = (field: string, message: string) => document.report([...component.body, field], message);

  if (parseMetadataReference(fields.key) !== 'key') {
    report('key', `expected ${KEY}, the key that group_dicom_state gives each record; no other is supported`);
  }
  if (fields.acks !== 'all') report('acks', 'expected all: offsets are committed for what every in-sync replica holds');
  const prefixes = fields.metadata.include_prefixes;
  if (type === 'dead_letter' && !isDeepStrictEqual(prefixes, [ERROR_PREFIX])) {
    report('metadata', `expected include_prefixes: ["${ERROR_PREFIX}"], so that a dead letter carries its error`);
  }
  if (type !== 'dead_letter' && prefixes.length > 0) report('metadata', 'these records have no metadata to include');
  return { component, fields };
}

/** Combines the outputs, which share their producer settings. */
export function combineTopics(
  document: ConfigDocument,
  {
    state,
    image,
    dead_letter,
  }: Partial<Readonly<Record<RecordType, TopicOutput>>> & { readonly dead_letter: TopicOutput },
): PartialTopicsConfig {
  const first = state ?? dead_letter;
  for (const other of [image, dead_letter]) if (other !== undefined) reportDifferences(document, first, other);
  return {
    producer: toProducer(document, first),
    state: state && toTopic(state),
    image: image && toTopic(image),
    deadLetter: toTopic(dead_letter),
  };
}

function reportDifferences(document: ConfigDocument, first: TopicOutput, other: TopicOutput): void {
  for (const field of Object.keys(producerFields) as (keyof typeof producerFields)[]) {
    if (isDeepStrictEqual(first.fields[field], other.fields[field])) continue;
    document.report(
      [...other.component.body, field],
      `differs from the output in line ${document.lineOf(first.component.body)}: the three outputs share their producer settings`,
    );
  }
}

function toProducer(document: ConfigDocument, { component, fields }: TopicOutput): ProducerConfig {
  return {
    ...readKafkaConnection(document, component.body, fields),
    idempotentWrite: fields.idempotent_write,
    acks: 'all',
    compression: fields.compression === '' ? 'none' : fields.compression,
    timeoutMs: fields.timeout,
    maxMessageBytes: fields.max_message_bytes,
  };
}

function toTopic({ component, fields }: TopicOutput): TopicConfig {
  return {
    label: component.label,
    path: component.path,
    topic: fields.topic,
  };
}
