/** The log: one JSON object a line on stdout, ISO time, level names, no value of any record (see serialize-error.ts). */
import pino, { type DestinationStream, type Level, type Logger as PinoLogger } from 'pino';
import type { LogLevel } from '../config/config.ts';
import { logOutput } from './log-output.ts';
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

/** Makes the program's one logger. Lines go out at once; a reader that doesn't keep up loses some. */
export function createLogger(options: LoggerOptions = {}): Logger {
  return guard(
    pino(
      {
        level: options.level ?? 'info',
        base: safeFields({ ...options.staticFields }),
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      options.destination ?? logOutput(process.stdout),
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
