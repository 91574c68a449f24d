import type { TopicRecord } from '../kafka/admin/read-topic.ts';
import { ORIGIN_HEADERS } from '../kafka/consumer/origin.ts';
import type { RecordHeader } from '../records/records.ts';
import { ERROR_HEADERS } from '../sinks/dead-letter.ts';

/** A record of the dead-letter topic, its error headers read. */
export interface DeadLetter {
  /** As it stands in the dead-letter topic. */
  readonly record: TopicRecord;
  readonly exception: string;
  /** Our own text: a code, or fields and what was expected of them. */
  readonly message: string;
  /** Where it came from; undefined when the headers don't say (somebody else wrote it). */
  readonly origin: { readonly topic: string; readonly partition: number; readonly offset: number } | undefined;
  /** How often it was redriven before. */
  readonly redrives: number;
}

/** Counts how often a record was redriven, so that one that can never work doesn't go round for ever. */
export const REDRIVES_HEADER = 'wado.redrives';

export function readDeadLetter(record: TopicRecord): DeadLetter {
  // The last of a name counts: a record that failed twice carries its errors twice if somebody redrove it by other means.
  const headers = new Map(record.headers.map(([name, value]) => [name, value?.toString() ?? '']));
  return {
    record,
    exception: headers.get(ERROR_HEADERS.exception) ?? '',
    message: headers.get(ERROR_HEADERS.message) ?? '',
    origin: originOf(headers),
    redrives: Number.parseInt(headers.get(REDRIVES_HEADER) ?? '0', 10) || 0,
  };
}

function originOf(headers: ReadonlyMap<string, string>): DeadLetter['origin'] {
  const topic = headers.get(ORIGIN_HEADERS.topic);
  const partition = Number(headers.get(ORIGIN_HEADERS.partition));
  const offset = Number(headers.get(ORIGIN_HEADERS.offset));
  return topic === undefined || !Number.isInteger(partition) || !Number.isInteger(offset)
    ? undefined
    : { topic, partition, offset };
}

/**
 * The headers that the record had before it failed. The service appends its error headers behind those, so just these are taken off: a
 * record that came with such headers keeps its own. Dead letters of other programs lose all of that kind, wherever they stand.
 */
export function originalHeaders({ headers }: TopicRecord): readonly RecordHeader[] {
  const names: readonly string[] = [...Object.values(ERROR_HEADERS), ...Object.values(ORIGIN_HEADERS)];
  const appended = headers.slice(-names.length).map(([name]) => name);
  const original =
    appended.join() === names.join()
      ? headers.slice(0, -names.length)
      : headers.filter(([name]) => !name.startsWith(ERROR_PREFIX));
  return original.filter(([name]) => name !== REDRIVES_HEADER);
}

const ERROR_PREFIX = '__streams.errors.';
