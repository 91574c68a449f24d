/** The log: one JSON object a line on stdout, ISO time, level names, no value of any record (see serialize-error.ts). */
import pino, { type DestinationStream, type Level, type Logger as PinoLogger } from 'pino';
import type { LogLevel } from '../config/config.ts';
import type { ConsumedRecord } from '../records/records.ts';
import { serializeError } from './serialize-error.ts';

/** What may stand in a log line beside its message. Errors are reduced to name, code, context and stack frames, under whatever name. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The message is a fixed sentence of ours. No format arguments, so that no value slips in by `%s`. */
export interface LogMethod {
  (message: string): void;
  (fields: LogFields, message: string): void;
}

export interface Logger {
  readonly fatal: LogMethod;
  readonly error: LogMethod;
  readonly warn: LogMethod;
  readonly info: LogMethod;
  readonly debug: LogMethod;
  readonly trace: LogMethod;
  /** A logger that adds these fields to each of its lines. */
  child(fields: LogFields): Logger;
  isLevelEnabled(level: LogLevel): boolean;
}

export interface LoggerOptions {
  /** Default info. */
  readonly level?: LogLevel;
  /** Added to every line, e.g. `{"@service": "wado-consumer"}`. */
  readonly staticFields?: LogFields;
  /** Where lines go; default stdout. */
  readonly destination?: DestinationStream;
}

// A stuck reader of stdout must cost log lines, not the service's memory.
const MAX_UNWRITTEN_BYTES = 8 * 1024 * 1024;

/** Makes the program's one logger. Lines are written asynchronously and flushed when the process exits by itself. */
export function createLogger(options: LoggerOptions = {}): Logger {
  return guard(
    pino(
      {
        level: options.level ?? 'info',
        base: safeFields({ ...options.staticFields }),
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      options.destination ?? pino.destination({ dest: 1, sync: false, maxLength: MAX_UNWRITTEN_BYTES }),
    ),
  );
}

/** The only way to pino: whatever goes through here has lost its errors' messages. */
function guard(logger: PinoLogger): Logger {
  const method =
    (level: Level): LogMethod =>
    (fields: unknown, message?: unknown) => {
      if (!logger.isLevelEnabled(level)) return;
      if (typeof fields === 'string') logger[level](fields);
      // pino takes a missing message from the error, and a driver's message may quote a row: it gets one of ours.
      else logger[level](safeFields(asFields(fields)), typeof message === 'string' ? message : 'error');
    };
  return {
    fatal: method('fatal'),
    error: method('error'),
    warn: method('warn'),
    info: method('info'),
    debug: method('debug'),
    trace: method('trace'),
    child: (fields) => guard(logger.child(safeFields(asFields(fields)))),
    isLevelEnabled: (level) => logger.isLevelEnabled(level),
  };
}

function asFields(value: unknown): Record<string, unknown> {
  if (value instanceof Error) return { err: value };
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

const MAX_DEPTH = 5;

/** Every error among the fields in its safe form, whatever its field is called and however deep it sits. */
function safeFields(fields: Record<string, unknown>, depth = 0): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, safeValue(value, depth)]));
}

function safeValue(value: unknown, depth: number): unknown {
  if (value instanceof Error) return serializeError(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) return value.map((each) => safeValue(each, depth + 1));
  if (value instanceof Date) return value;
  // Only plain fields of ours: a buffer, a client or a row object of some class has no place in a log.
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? safeFields({ ...value }, depth + 1) : '[object]';
}

/** What one committed batch was. */
export interface CommittedBatchSummary {
  readonly sources: readonly ConsumedRecord[];
  readonly states: number;
  readonly images: number;
  readonly deadLetters: number;
  /** From the batch's making to its last acknowledgement. */
  readonly milliseconds: number;
}

/** The one line per batch: which offsets are done, and how many of what came out of them. */
export function logBatchCommitted(logger: Logger, batch: CommittedBatchSummary): void {
  if (!logger.isLevelEnabled('info')) return;
  logger.info(
    {
      partitions: offsetRanges(batch.sources),
      records: batch.sources.length,
      states: batch.states,
      images: batch.images,
      dead_letters: batch.deadLetters,
      ms: Math.round(batch.milliseconds * 10) / 10,
    },
    'batch committed',
  );
}

export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  /** First and last offset, both inclusive; offsets between them may belong to another batch. */
  readonly first: number;
  readonly last: number;
}

/** The span of offsets per partition, in the order in which partitions first appear. */
export function offsetRanges(records: readonly ConsumedRecord[]): readonly OffsetRange[] {
  const ranges = new Map<string, OffsetRange>();
  for (const { topic, partition, offset } of records) {
    const place = `${topic}/${partition}`;
    const range = ranges.get(place);
    const first = Math.min(range?.first ?? offset, offset);
    const last = Math.max(range?.last ?? offset, offset);
    ranges.set(place, { topic, partition, first, last });
  }
  return [...ranges.values()];
}
