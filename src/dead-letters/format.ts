/** The format of a dead letter: the original key, value and headers, followed by the error headers. */
import type { ProducerRecord } from '../kafka/producer/producer-record.ts';
import type { Origin, PoisonRecord, RecordHeader } from '../records/records.ts';

/** The prefix of every error header, for `metadata.include_prefixes` of the dead-letter output. */
export const ERROR_PREFIX = '__streams.errors.';

/** The headers with the error. `exception` and `message` are Kafka Streams' names (KIP-1034), `code` is ours. */
export const ERROR_HEADERS = {
  exception: '__streams.errors.exception',
  message: '__streams.errors.message',
  code: '__streams.errors.code',
} as const;

/** The number of times the record was redriven, so that a record that always fails isn't redriven forever. */
export const REDRIVES_HEADER = 'wado.redrives';

/** Returns the headers that say where a record came from. */
export type OriginHeaders = (origin: Origin) => readonly RecordHeader[];

/**
 * The record that goes to the dead-letter topic. The code is the last header. Earlier versions wrote the origin last, so
 * the last header distinguishes the two layouts.
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
