/** How a dead letter is written: the original key, value and headers, then the error headers. */
import type { ProducerRecord } from '../kafka/producer/producer-record.ts';
import type { Origin, PoisonRecord, RecordHeader } from '../records/records.ts';

/** Every error header begins with this: `metadata.include_prefixes` of the dead-letter output selects them by it. */
export const ERROR_PREFIX = '__streams.errors.';

/** What went wrong. `exception` and `message` are Kafka Streams' names (KIP-1034), `code` is ours. */
export const ERROR_HEADERS = {
  exception: '__streams.errors.exception',
  message: '__streams.errors.message',
  code: '__streams.errors.code',
} as const;

/** Counts how often a record was redriven, so that a record that always fails is not redriven for ever. */
export const REDRIVES_HEADER = 'wado.redrives';

/** The headers that say where a record came from, written by the record's source. */
export type OriginHeaders = (origin: Origin) => readonly RecordHeader[];

/**
 * The record that goes to the dead-letter topic. The code is the last header: earlier versions ended with the origin,
 * so the last header tells the two layouts apart.
 */
export function deadLetter(topic: string, poison: PoisonRecord, originHeaders: OriginHeaders): ProducerRecord {
  const { source, error } = poison;
  const { key, value, headers } = source;
  return {
    topic,
    key,
    value,
    headers: [
      ...headers,
      [ERROR_HEADERS.exception, Buffer.from(error.name)],
      [ERROR_HEADERS.message, Buffer.from(error.message)],
      ...originHeaders(source.origin),
      [ERROR_HEADERS.code, Buffer.from(error.code)],
    ],
  };
}
