/**
 * Converts errors to a form that may be logged. A driver's message can quote a row, a path or a name. So only name, code
 * and stack frames of other errors than ours are logged, never the message or other fields.
 */
import { ConfigError, DicomReadError, ParseError, SinkError, SourceError } from '../errors.ts';

/** An error without its message. */
export interface SerializedError {
  readonly name: string;
  readonly code?: string | number;
  readonly context?: Readonly<Record<string, unknown>>;
  /** Stack frames, one per line, without the message. */
  readonly stack?: string;
  readonly cause?: SerializedError;
  readonly errors?: readonly SerializedError[];
}

const MAX_DEPTH = 5;
const MAX_ERRORS = 20;
const IDENTIFIER = /^[A-Za-z_$][\w$.]{0,63}$/;
// SQLSTATEs, errno names, Node's and the drivers' codes. Few record values consist of capitals and digits only.
const CODE = /^[A-Z0-9_]{1,64}$/;
const FRAME = /^\s+at (?:.+ \(.+\)|.+:\d+:\d+|<anonymous>)$/;

/**
 * Serialises any thrown value: name, code, the context of our own errors, stack frames, and the causes in the same form.
 */
export function serializeError(error: unknown): SerializedError {
  return serialize(error, 0);
}

function serialize(error: unknown, depth: number): SerializedError {
  if (!(error instanceof Error)) return { name: 'NonError', context: { type: typeof error } };
  const own = ownContext(error);
  const code = own === undefined ? foreignCode(error) : own.code;
  const stack = frames(error);
  const nested = depth < MAX_DEPTH;
  return {
    name: safeName(error),
    ...(code === undefined ? {} : { code }),
    ...(own === undefined ? {} : { context: own.context }),
    ...(stack === '' ? {} : { stack }),
    ...(nested && error.cause !== undefined ? { cause: serialize(error.cause, depth + 1) } : {}),
    ...(nested && error instanceof AggregateError
      ? { errors: error.errors.slice(0, MAX_ERRORS).map((each: unknown) => serialize(each, depth + 1)) }
      : {}),
  };
}

function ownContext(error: Error): { code: string; context: Record<string, unknown> } | undefined {
  if (error instanceof SinkError) {
    const { code, sink, detail, operation, address } = error;
    return { code, context: { sink, detail, operation, ...(address === undefined ? {} : { address }) } };
  }
  if (error instanceof SourceError) return { code: error.code, context: { detail: error.detail } };
  if (error instanceof ParseError) return { code: error.code, context: { fields: error.fields } };
  if (error instanceof DicomReadError) {
    return { code: error.code, context: error.attribute === undefined ? {} : { attribute: error.attribute } };
  }
  if (error instanceof ConfigError) return { code: error.code, context: { issues: error.issues } };
  return undefined;
}

/** The code of an error that isn't ours: a short word in capitals, or a number. */
function foreignCode(error: unknown): string | number | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  const { code } = error;
  if (typeof code === 'number' && Number.isFinite(code)) return code;
  return typeof code === 'string' && CODE.test(code) ? code : undefined;
}

/** The code of any thrown value: ours, a driver's, or else the error's name. It contains no record content. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const own = ownContext(error);
  return own === undefined ? String(foreignCode(error) ?? safeName(error)) : own.code;
}

function safeName(error: Error): string {
  return IDENTIFIER.test(error.name) ? error.name : 'Error';
}

function frames(error: Error): string {
  const stack = typeof error.stack === 'string' ? error.stack : '';
  // A message may contain lines that look like frames, so it is removed first. If it was changed after the error was
  // created, it isn't in the stack, and the start of the frames is unknown.
  const message = String(error.message);
  const at = message === '' ? 0 : stack.indexOf(message);
  if (at < 0) return '';
  const rest = stack.slice(at + message.length);
  return rest
    .split('\n')
    .filter((line) => FRAME.test(line))
    .map((line) => line.trim())
    .join('\n');
}
