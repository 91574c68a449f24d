import { SinkError } from '../errors.ts';
import type { Producer, ProducerRecord } from '../kafka/producer/producer.ts';
import type { Sink } from '../ports.ts';
import type { Origin, PoisonRecord, RecordHeader } from '../records/records.ts';

export interface DeadLetterSinkOptions {
  readonly name: string;
  readonly topic: string;
  readonly producer: Producer;
  readonly originHeaders: OriginHeaders;
}

/** The headers that say where a record came from; its source knows. */
export type OriginHeaders = (origin: Origin) => readonly RecordHeader[];

/** Writes what can never be processed to the dead-letter topic: original key, value and headers, and why. */
export function createDeadLetterSink({ name, topic, producer, originHeaders }: DeadLetterSinkOptions): Sink {
  return {
    name,
    connect: () => producer.connect(),
    async write(batch) {
      try {
        await producer.send(batch.poison.map((record) => deadLetter(topic, record, originHeaders)));
      } catch (error) {
        // There is nowhere else to put it: what the topic refuses (a size limit, say) waits until an operator has mended the topic.
        if (error instanceof SinkError && error.code === 'rejected')
          throw new SinkError(name, 'unavailable', error.detail);
        throw error;
      }
      return [];
    },
    close: async () => undefined,
  };
}

/** Kafka Streams' names for what went wrong (KIP-1034). */
export const ERROR_HEADERS = {
  exception: '__streams.errors.exception',
  message: '__streams.errors.message',
} as const;

export function deadLetter(
  topic: string,
  { source, error }: PoisonRecord,
  originHeaders: OriginHeaders,
): ProducerRecord {
  const why: readonly (readonly [string, string])[] = [
    [ERROR_HEADERS.exception, error.name],
    [ERROR_HEADERS.message, error.message],
  ];
  return {
    topic,
    key: source.key,
    value: source.value,
    headers: [
      ...source.headers,
      ...why.map(([name, value]): RecordHeader => [name, Buffer.from(value)]),
      ...originHeaders(source.origin),
    ],
  };
}
