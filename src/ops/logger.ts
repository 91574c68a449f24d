/**
 * The log: one JSON object, or one line of logfmt, per line on stdout, with ISO time and level names, and no record content (see
 * serialize-error.ts).
 */
import pino, { type DestinationStream, type Level, type Logger as PinoLogger } from 'pino';
import type { LoggerConfig, LogLevel } from '../config/config.ts';
import { logOutput } from './log-output.ts';
import { toLogfmt } from './logfmt.ts';
import { serializeError } from './serialize-error.ts';

/**
 * The fields of a log line. Errors are reduced to name, code, context and stack frames, whatever the field's name.
 */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Logs one line. The message is our own text, built from names and numbers only. There are no format arguments, so that
 * `%s` can't insert a value.
 */
export interface LogMethod {
  (message: string): void;
  (fields: LogFields, message: string): void;
}

/** The logger of the service. */
export interface Logger {
  readonly fatal: LogMethod;
  readonly error: LogMethod;
  readonly warn: LogMethod;
  readonly info: LogMethod;
  readonly debug: LogMethod;
  readonly trace: LogMethod;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
  /** Whether lines of this level are written. */
  isLevelEnabled(level: LogLevel): boolean;
}

/** The settings of the logger. */
export interface LoggerOptions {
  /** Default info. */
  readonly level?: LogLevel;
  /** Added to every line, e.g. `{"@service": "wado-consumer"}`. */
  readonly staticFields?: LogFields;
  /** Default json. */
  readonly format?: LoggerConfig['format'];
  /** Default: stdout. */
  readonly destination?: DestinationStream;
}

/** Creates the logger. On stdout, lines are dropped while the reader blocks (log-output.ts). */
export function createLogger(options: LoggerOptions = {}): Logger {
  return guard(
    pino(
      {
        level: options.level ?? 'info',
        base: safeFields({ ...options.staticFields }),
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destinationOf(options),
    ),
  );
}

function destinationOf({ destination, format }: LoggerOptions): DestinationStream {
  const formatted = format === 'logfmt' ? toLogfmt : undefined;
  if (destination === undefined) return logOutput(process.stdout, undefined, formatted);
  return formatted === undefined ? destination : { write: (line) => destination.write(formatted(line)) };
}

/** Wraps pino so that errors are logged without their messages. */
function guard(logger: PinoLogger): Logger {
  const method =
    (level: Level): LogMethod =>
    (fields: unknown, message?: unknown) => {
      if (!logger.isLevelEnabled(level)) return;
      if (typeof fields === 'string') logger[level](fields);
      // Without a message, pino would use that of the error, which may quote a row.
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

/** Serialises every error in the fields, at any depth. */
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
  // Plain objects only: buffers, clients and row objects don't belong in a log.
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? safeFields({ ...value }, depth + 1) : '[object]';
}
