import { SinkError } from '../errors.ts';
import type { RecordHeader } from '../records/records.ts';
import {
  connect,
  disconnect,
  ERRORS,
  errorCode,
  errorName,
  type NativeConfig,
  type NativeProducer,
  newProducer,
} from './client.ts';
import { toNativeHeaders } from './headers.ts';

export interface ProducerRecord {
  readonly topic: string;
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: readonly RecordHeader[];
}

export interface ProducerOptions {
  /** The node's name in errors. */
  readonly name: string;
  /** librdkafka's connection, security and producer settings (see settings.ts). */
  readonly config: NativeConfig;
  /** No answer for so long means the broker is away, whatever the client says. Milliseconds. */
  readonly deadlineMs: number;
}

export interface Producer {
  /** Resolves when a broker answers; rejects with a SinkError otherwise, and may be called again. */
  connect(): Promise<void>;
  /** Resolves when every record is acknowledged; rejects with a SinkError when one is not. Sending again may write a record twice. */
  send(records: readonly ProducerRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** What librdkafka hands back with each record's report: one shared by all records of a `send`. */
interface Delivery {
  left: number;
  error: unknown;
  /** Nobody waits any more: the deadline has passed. */
  abandoned: boolean;
  settle(error: unknown): void;
}

const CONNECT_TIMEOUT_MS = 3_000;
const CLOSE_TIMEOUT_MS = 5_000;
const QUEUE_FULL_MS = 20;

/** One idempotent producer, shared by everything that writes to the same brokers. */
export function createProducer(options: ProducerOptions): Producer {
  let current: NativeProducer | undefined;

  async function open(): Promise<NativeProducer> {
    const producer = newProducer({ ...options.config, dr_cb: true });
    producer.on('event.error', () => undefined);
    producer.on('event.log', () => undefined);
    producer.on('delivery-report', (error, report) => {
      const delivery = report.opaque as Delivery;
      if (error) delivery.error ??= error;
      if (--delivery.left === 0) delivery.settle(delivery.error);
    });
    try {
      await connect(producer, CONNECT_TIMEOUT_MS);
    } catch (error) {
      void disconnect(producer, CLOSE_TIMEOUT_MS);
      throw toSinkError(options.name, error);
    }
    producer.setPollInBackground(true);
    return producer;
  }

  function discard(producer: NativeProducer): void {
    if (current === producer) current = undefined;
    void disconnect(producer, CLOSE_TIMEOUT_MS);
  }

  return {
    async connect() {
      current ??= await open();
    },
    async send(records) {
      if (records.length === 0) return;
      current ??= await open();
      const producer = current;
      try {
        await deliver(producer, records, options.deadlineMs);
      } catch (error) {
        // After a fatal error the idempotent producer takes nothing more; the next attempt begins with a new one.
        if (isFatal(error)) discard(producer);
        throw toSinkError(options.name, error);
      }
    },
    async close() {
      const producer = current;
      current = undefined;
      if (producer !== undefined) await disconnect(producer, CLOSE_TIMEOUT_MS);
    },
  };
}

function deliver(producer: NativeProducer, records: readonly ProducerRecord[], deadlineMs: number): Promise<void> {
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
      const value = typeof record.value === 'string' ? Buffer.from(record.value) : record.value;
      const headers = record.headers === undefined ? undefined : toNativeHeaders(record.headers);
      producer.produce(record.topic, null, value, record.key, null, delivery, headers);
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

function isFatal(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code === ERRORS.ERR__FATAL ||
    (typeof error === 'object' && error !== null && 'isFatal' in error && error.isFatal === true)
  );
}

/**
 * What a produce error means. Kafka's own clients retry the retriable ones themselves until message.timeout.ms, so nearly all that
 * arrives here means "away"; the rest is this record (too large, refused by the broker's schema or timestamp check) or our rights.
 */
export function toSinkError(sink: string, error: unknown): SinkError {
  if (error instanceof DeadlineError) return new SinkError(sink, 'timeout', 'no acknowledgement');
  const code = errorCode(error);
  const detail = errorName(error);
  if (Number.isNaN(code)) return new SinkError(sink, 'unavailable', error instanceof Error ? error.name : 'unknown');
  return new SinkError(sink, meaning(code), detail);
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
