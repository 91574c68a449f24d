import type { TopicRecord } from '../kafka/admin/read-topic.ts';
import { ORIGIN_HEADERS } from '../kafka/consumer/origin.ts';
import type { RecordHeader } from '../records/records.ts';
import { ERROR_HEADERS, ERROR_PREFIX, REDRIVES_HEADER } from './format.ts';

/** A record of the dead-letter topic with its error headers parsed. */
export interface DeadLetter {
  /** The record as it is in the dead-letter topic. */
  readonly record: TopicRecord;
  readonly exception: string;
  /** `not_json`, `file_missing`, `rejected`; `unknown` when neither the headers nor the message give one. */
  readonly code: string;
  /** Our own text: a code with its attribute, or fields and their expected forms. Never a value. */
  readonly message: string;
  /** Where the record came from; undefined when the headers don't say, because another program wrote it. */
  readonly origin: { readonly topic: string; readonly partition: number; readonly offset: number } | undefined;
  /** How often the record was redriven. */
  readonly redrives: number;
  /** The key if it is a UUID (docs/contract.md, "Topics"). Any other key may contain patient data and isn't shown. */
  readonly traceId: string | undefined;
}

/** Parses a record of the dead-letter topic. Never throws: another program may have written it. */
export function readDeadLetter(record: TopicRecord): DeadLetter {
  // The last header of a name counts: a record that another program redrove and that failed again has each name twice.
  const headers = new Map(record.headers.map(([name, value]) => [name, value?.toString() ?? '']));
  const exception = headers.get(ERROR_HEADERS.exception) ?? '';
  const message = headers.get(ERROR_HEADERS.message) ?? '';
  return {
    record,
    exception,
    code: headers.get(ERROR_HEADERS.code) ?? codeOfMessage(exception, message),
    message,
    origin: originOf(headers),
    redrives: Number.parseInt(headers.get(REDRIVES_HEADER) ?? '0', 10) || 0,
    traceId: traceIdOf(record.key),
  };
}

/** Whether `--filter TEXT` selects a dead letter: the text is part of its code, its message or its exception's name. */
export function matches({ exception, code, message }: DeadLetter, filter: string | undefined): boolean {
  return filter === undefined || [code, message, exception].some((text) => text.includes(filter));
}

/** The messages of ParseErrors, which don't contain the code. */
const PARSE_ERRORS: readonly (readonly [RegExp, string])[] = [
  [/^null value$/, 'null_value'],
  [/^value is not UTF-8$/, 'not_utf8'],
  [/^value holds more than \d+ JSON values$/, 'too_many_values'],
  [/^value is not JSON$/, 'not_json'],
  [/^value is not a JSON object$/, 'not_an_object'],
];

/** The code of a dead letter without a header for it: from an earlier version of the service, or another program. */
function codeOfMessage(exception: string, message: string): string {
  switch (exception) {
    case 'ParseError':
      return PARSE_ERRORS.find(([text]) => text.test(message))?.[1] ?? 'invalid_field';
    case 'DicomReadError':
      return message.split(':', 1)[0] || 'unknown';
    case 'SinkError':
      return 'rejected';
    default:
      return 'unknown';
  }
}

function originOf(headers: ReadonlyMap<string, string>): DeadLetter['origin'] {
  const topic = headers.get(ORIGIN_HEADERS.topic);
  const partition = Number(headers.get(ORIGIN_HEADERS.partition));
  const offset = Number(headers.get(ORIGIN_HEADERS.offset));
  return topic === undefined || !Number.isInteger(partition) || !Number.isInteger(offset)
    ? undefined
    : { topic, partition, offset };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function traceIdOf(key: Buffer | null): string | undefined {
  const text = key?.length === 36 ? key.toString('latin1') : '';
  return UUID.test(text) ? text : undefined;
}

const COMMON: readonly string[] = [
  ERROR_HEADERS.exception,
  ERROR_HEADERS.message,
  ORIGIN_HEADERS.topic,
  ORIGIN_HEADERS.partition,
  ORIGIN_HEADERS.offset,
];

/** The last headers of a dead letter: the current layout, and that of earlier versions. */
const LAYOUTS: readonly (readonly string[])[] = [[...COMMON, ERROR_HEADERS.code], COMMON];

/**
 * The headers that the record had before it failed. The service appends its error headers, so only the last ones are
 * removed: a record that was consumed with headers of these names keeps them. In a dead letter of another program, every
 * header with the prefix is removed.
 */
export function originalHeaders({ headers }: Pick<TopicRecord, 'headers'>): readonly RecordHeader[] {
  const layout = LAYOUTS.find((names) => endsWith(headers, names));
  const original =
    layout === undefined
      ? headers.filter(([name]) => !name.startsWith(ERROR_PREFIX))
      : headers.slice(0, -layout.length);
  return original.filter(([name]) => name !== REDRIVES_HEADER);
}

function endsWith(headers: readonly RecordHeader[], names: readonly string[]): boolean {
  const first = headers.length - names.length;
  return first >= 0 && names.every((name, i) => headers[first + i]?.[0] === name);
}
