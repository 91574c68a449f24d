import { connect, disconnect, type NativeConfig, type NativeProducer, newProducer } from '../client/client.ts';
import { deliver, isFatal, settleDeliveries, toSinkError } from './delivery.ts';
import type { ProducerRecord } from './producer-record.ts';

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

const CONNECT_TIMEOUT_MS = 3_000;
const CLOSE_TIMEOUT_MS = 5_000;

/** One idempotent producer, shared by everything that writes to the same brokers. */
export function createProducer(options: ProducerOptions): Producer {
  let current: Promise<NativeProducer> | undefined;

  async function open(): Promise<NativeProducer> {
    let producer: NativeProducer | undefined;
    try {
      producer = newProducer({ ...options.config, dr_cb: true });
      producer.on('event.error', () => undefined);
      settleDeliveries(producer);
      await connect(producer, CONNECT_TIMEOUT_MS);
      producer.setPollInBackground(true);
      return producer;
    } catch (error) {
      if (producer !== undefined) void disconnect(producer, CLOSE_TIMEOUT_MS);
      throw toSinkError(options.name, error, producer);
    }
  }

  /** The one client that all share: who comes while it is being opened waits for the same. */
  function shared(): Promise<NativeProducer> {
    if (current === undefined) {
      const opening = open();
      current = opening;
      opening.catch(() => {
        if (current === opening) current = undefined;
      });
    }
    return current;
  }

  return {
    async connect() {
      await shared();
    },
    async send(records) {
      if (records.length === 0) return;
      const opened = shared();
      const producer = await opened;
      try {
        await deliver(producer, records, options.deadlineMs);
      } catch (error) {
        // After a fatal error the idempotent producer takes nothing more; the next attempt begins with a new one.
        if (isFatal(error) && current === opened) {
          current = undefined;
          void disconnect(producer, CLOSE_TIMEOUT_MS);
        }
        throw toSinkError(options.name, error, producer);
      }
    },
    async close() {
      const opened = current;
      current = undefined;
      const producer = await opened?.catch(() => undefined);
      if (producer !== undefined) await disconnect(producer, CLOSE_TIMEOUT_MS);
    },
  };
}
