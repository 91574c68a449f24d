/** One `send`: hand records to librdkafka, wait for every delivery report, say what an error means. */
import { ConfigError, SinkError } from '../../errors.ts';
import { disconnectReason, ERRORS, errorCode, errorName, type NativeProducer } from '../client/client.ts';
import { toNativeBytes, toNativeHeaders } from '../client/headers.ts';
import type { ProducerRecord } from './producer-record.ts';

/** What librdkafka hands back with each record's report: one shared by all records of a `send`. */
interface Delivery {
  left: number;
  error: unknown;
  /** Nobody waits any more: the deadline has passed. */
  abandoned: boolean;
  settle(error: unknown): void;
}

const QUEUE_FULL_MS = 20;

/** Settles the `send` that a report belongs to. Every producer that `deliver` is used with needs it, and `dr_cb: true`. */
export function settleDeliveries(producer: NativeProducer): void {
  producer.on('delivery-report', (error, report) => {
    const delivery = report.opaque as Delivery;
    if (error) delivery.error ??= error;
    if (--delivery.left === 0) delivery.settle(delivery.error);
  });
}

/** Resolves when every record is acknowledged; rejects with librdkafka's error, or a DeadlineError after `deadlineMs`. */
export function deliver(
  producer: NativeProducer,
  records: readonly ProducerRecord[],
  deadlineMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      delivery.abandoned = true;
      reject(new DeadlineError());
    }, deadlineMs);
    const delivery: Delivery = {
      left: records.length,
      error: undefined,
      abandoned: false,
      settle: (error) => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      },
    };
    produceFrom(producer, records, 0, delivery);
  });
}

function produceFrom(
  producer: NativeProducer,
  records: readonly ProducerRecord[],
  start: number,
  delivery: Delivery,
): void {
  for (let i = start; i < records.length; i++) {
    const record = records[i];
    if (record === undefined || delivery.abandoned) return;
    try {
      const headers = record.headers === undefined ? undefined : toNativeHeaders(record.headers);
      producer.produce(
        record.topic,
        null,
        toNativeBytes(record.value),
        toNativeBytes(record.key),
        null,
        delivery,
        headers,
      );
    } catch (error) {
      if (errorCode(error) === ERRORS.ERR__QUEUE_FULL) {
        setTimeout(produceFrom, QUEUE_FULL_MS, producer, records, i, delivery);
        return;
      }
      // What was queued before still reports; what wasn't never will.
      delivery.error ??= error;
      delivery.left -= records.length - i;
      if (delivery.left === 0) delivery.settle(delivery.error);
      return;
    }
  }
}

class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

export function isFatal(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code === ERRORS.ERR__FATAL ||
    (typeof error === 'object' && error !== null && 'isFatal' in error && error.isFatal === true)
  );
}

/**
 * What a produce error means. Kafka's own clients retry the retriable ones themselves until message.timeout.ms, so nearly all that
 * arrives here means "away", and why the client says (`disconnectReason`); the rest is this record (too large, refused by the broker's schema or
 * timestamp check) or our rights.
 */
export function toSinkError(sink: string, error: unknown, client?: NativeProducer): SinkError {
  if (error instanceof DeadlineError) return new SinkError(sink, 'timeout', 'no acknowledgement');
  if (error instanceof ConfigError) return new SinkError(sink, 'unavailable', errorName(error));
  const code = errorCode(error);
  if (Number.isNaN(code)) return new SinkError(sink, 'unavailable', error instanceof Error ? error.name : 'unknown');
  const means = meaning(code);
  return new SinkError(sink, means, means === 'unavailable' ? disconnectReason(client, error) : errorName(error));
}

function meaning(code: number): SinkError['code'] {
  switch (code) {
    case ERRORS.ERR_MSG_SIZE_TOO_LARGE:
    case ERRORS.ERR_RECORD_LIST_TOO_LARGE:
    case ERRORS.ERR_INVALID_RECORD:
    case ERRORS.ERR_INVALID_TIMESTAMP:
    case ERRORS.ERR__BAD_MSG:
      return 'rejected';
    case ERRORS.ERR__INVALID_ARG:
    case ERRORS.ERR__UNKNOWN_PARTITION:
      return 'misconfigured';
    default:
      return 'unavailable';
  }
}
