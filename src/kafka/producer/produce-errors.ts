/** The meaning of the producer's errors for the service (docs/dispositions.md has the table). */
import { ConfigError, SinkError, type SinkErrorCode } from '../../errors.ts';
import { disconnectReason, ERRORS, errorCode, errorName, type NativeProducer } from '../client/client.ts';
import { fatalCauseOf, transactionErrorOf } from '../client/disconnect-reason.ts';

/** No broker acknowledged any record for `deadlineMs`. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';
}

/** Whether the producer can't be used any more, so that the next attempt needs a new one. */
export function isFatal(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code === ERRORS.ERR__FATAL ||
    (typeof error === 'object' && error !== null && 'isFatal' in error && error.isFatal === true)
  );
}

const REFUSALS: ReadonlySet<number> = new Set([
  ERRORS.ERR_MSG_SIZE_TOO_LARGE,
  ERRORS.ERR_RECORD_LIST_TOO_LARGE,
  ERRORS.ERR_INVALID_RECORD,
  ERRORS.ERR_INVALID_TIMESTAMP,
  ERRORS.ERR__BAD_MSG,
  // The broker refused another record of the batch (KIP-467).
  ERRORS.ERR__INVALID_DIFFERENT_RECORD,
]);

/** Whether the broker refused the batch that contained the record. The record is at fault only if it was alone. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.has(errorCode(error));
}

const TOPIC_ERRORS: ReadonlyMap<number, string> = new Map([
  [ERRORS.ERR_TOPIC_AUTHORIZATION_FAILED, 'access denied to topic'],
  [ERRORS.ERR_UNKNOWN_TOPIC_OR_PART, 'there is no topic'],
  [ERRORS.ERR__UNKNOWN_TOPIC, 'there is no topic'],
  [ERRORS.ERR__UNKNOWN_PARTITION, 'a partition no longer exists in topic'],
  [ERRORS.ERR_TOPIC_EXCEPTION, 'invalid topic name'],
]);

/** Whether the topic can't be written: it doesn't exist, or access to it is denied. */
export function isTopicError(error: unknown): boolean {
  return TOPIC_ERRORS.has(errorCode(error));
}

/** Whether an error says only that the record was dropped; another error has the cause. */
export function isConsequence(error: unknown): boolean {
  const code = errorCode(error);
  return code === ERRORS.ERR__PURGE_QUEUE || code === ERRORS.ERR__PURGE_INFLIGHT;
}

/** What is known about a failed call. */
export interface ProduceErrorContext {
  readonly topic?: string | undefined;
  readonly client?: NativeProducer | undefined;
  /** The client's last error: the cause when a record was only dropped. */
  readonly cause?: unknown;
}

/**
 * Converts an error of the producer. The client retries retriable errors itself, so most errors mean that the brokers are unavailable;
 * the client's log has the reason (`disconnectReason`). A refusal concerns one record.
 */
export function toSinkError(sink: string, error: unknown, context: ProduceErrorContext = {}): SinkError {
  const { topic, client, cause } = context;
  if (error instanceof SinkError) return error;
  if (error instanceof SilenceError) return silence(sink, client, cause);
  if (error instanceof ConfigError) return new SinkError(sink, 'unavailable', errorName(error));
  if (isConsequence(error) && cause !== undefined) return toSinkError(sink, cause, { ...context, cause: undefined });
  // The records of a failed transaction are dropped without an error of their own.
  const transactionError = isConsequence(error) && client !== undefined ? transactionErrorOf(client) : undefined;
  if (transactionError !== undefined) return new SinkError(sink, 'unavailable', transactionError);
  const code = errorCode(error);
  if (Number.isNaN(code)) return new SinkError(sink, 'unavailable', error instanceof Error ? error.name : 'unknown');
  if (code === ERRORS.ERR__FATAL)
    return new SinkError(sink, 'unavailable', (client && fatalCauseOf(client)) ?? errorName(error));
  const topicError = TOPIC_ERRORS.get(code);
  if (topicError !== undefined && topic !== undefined)
    return new SinkError(sink, 'unavailable', `${errorName(error)}: ${topicError} ${topic}`);
  const means = meaning(code);
  return new SinkError(sink, means, means === 'unavailable' ? disconnectReason(client, error) : errorName(error));
}

function silence(sink: string, client: NativeProducer | undefined, cause: unknown): SinkError {
  return cause === undefined
    ? new SinkError(sink, 'timeout', 'no acknowledgement')
    : new SinkError(sink, 'unavailable', disconnectReason(client, cause));
}

function meaning(code: number): SinkErrorCode {
  if (REFUSALS.has(code)) return 'rejected';
  return code === ERRORS.ERR__INVALID_ARG ? 'misconfigured' : 'unavailable';
}
