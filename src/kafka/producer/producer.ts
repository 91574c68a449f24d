import { SinkError } from '../../errors.ts';
import type { NativeConfig, NativeProducer } from '../client/client.ts';
import { checkTopic } from './check-topic.ts';
import { Delivery } from './delivery.ts';
import { isFatal, toSinkError } from './produce-errors.ts';
import { openProducerClient, type ProducerClient, type ThrottleListener } from './producer-client.ts';
import type { ProducerRecord } from './producer-record.ts';

/** The settings of a producer. */
export interface ProducerOptions {
  /** The node's name in errors. */
  readonly name: string;
  /** librdkafka's connection, security and producer settings (see settings.ts). */
  readonly config: NativeConfig;
  /**
   * The brokers count as unavailable when they acknowledge none of the queued records for this time, in milliseconds. Each
   * acknowledgement restarts it, and throttling extends it.
   */
  readonly deadlineMs: number;
  readonly onThrottle?: ThrottleListener;
}

/** A record that the broker refused when it was alone in its batch. */
export interface RefusedRecord {
  /** The record's index in its delivery. */
  readonly index: number;
  readonly error: SinkError;
}

/** Publishes records; see `createProducer`. */
export interface Producer {
  /**
   * Resolves when a broker answers and `topic`, if given, exists. Rejects with a SinkError otherwise, and may be called again.
   */
  connect(topic?: string): Promise<void>;
  /**
   * Resolves when every record is acknowledged or refused, to the refused records. Rejects with a SinkError when some are neither. A
   * second call with the same delivery sends only those.
   */
  deliver(delivery: Delivery): Promise<readonly RefusedRecord[]>;
  /** Publishes records without a retry. Rejects with a SinkError, `rejected` when the broker refused a record. */
  send(records: readonly ProducerRecord[]): Promise<void>;
  /** Discards what isn't sent yet. Every later call rejects with a SinkError `unavailable`. */
  close(): Promise<void>;
}

/** How long the records of a topic are sent alone after it refused a batch: each further refused batch would be sent twice. */
const ALONE_MS = 60_000;

/** Two native producers with the same settings: one batches records, the other sends each record alone. */
export function createProducer({ name, config, deadlineMs, onThrottle }: ProducerOptions): Producer {
  const batched = clientSlot(name, config, onThrottle);
  const single = clientSlot(name, { ...config, 'batch.num.messages': 1, 'linger.ms': 0 }, onThrottle);
  /** Per topic, the end of the time in which its records are sent alone, by `performance.now()`. */
  const aloneUntil = new Map<string, number>();

  async function attempt(slot: ClientSlot, delivery: Delivery, alone: boolean): Promise<void> {
    const client = await slot.get();
    const { native } = client;
    try {
      await delivery.send(client, alone, deadlineMs);
    } catch (error) {
      throw toSinkError(name, error, { client: native, cause: client.lastError });
    }
    const { failure } = delivery;
    if (failure === undefined) return;
    const { error, topic } = failure;
    if (isFatal(error)) slot.replace(client);
    throw toSinkError(name, error, { topic, client: native, cause: client.lastError });
  }

  async function deliver(delivery: Delivery): Promise<readonly RefusedRecord[]> {
    const now = performance.now();
    delivery.sendAlone((topic) => (aloneUntil.get(topic) ?? 0) > now);
    if (delivery.needsBatches) await attempt(batched, delivery, false);
    if (delivery.needsSingles) {
      for (const topic of delivery.refusedTopics) aloneUntil.set(topic, performance.now() + ALONE_MS);
      await attempt(single, delivery, true);
    }
    return delivery.refusals.map(({ index, error }) => ({ index, error: toSinkError(name, error) }));
  }

  return {
    async connect(topic) {
      const { native } = await batched.get();
      if (topic !== undefined) await checkTopic(name, native, config, topic);
    },
    deliver,
    async send(records) {
      const [refused] = await deliver(new Delivery(records));
      if (refused !== undefined) throw refused.error;
    },
    async close() {
      await Promise.all([batched.close(), single.close()]);
    },
  };
}

interface ClientSlot {
  /** The client that all callers share. A new one is opened when the last could not connect or was replaced. Rejects once closed. */
  get(): Promise<ProducerClient>;
  /** Discards a client that accepts no further records. */
  replace(client: ProducerClient): void;
  close(): Promise<void>;
}

function clientSlot(name: string, config: NativeConfig, onThrottle: ThrottleListener | undefined): ClientSlot {
  let current: Promise<ProducerClient> | undefined;
  let connected: ProducerClient | undefined;
  let closed = false;

  async function open(): Promise<ProducerClient> {
    let failed: NativeProducer | undefined;
    try {
      connected = await openProducerClient(config, onThrottle, (native) => {
        failed = native;
      });
      return connected;
    } catch (error) {
      current = undefined;
      throw toSinkError(name, error, { client: failed });
    }
  }

  return {
    async get() {
      // A retry that comes after close() would otherwise open a client that nothing closes.
      if (closed) throw new SinkError(name, 'unavailable', 'closed');
      current ??= open();
      return current;
    },
    replace(client) {
      if (client !== connected) return;
      current = undefined;
      connected = undefined;
      void client.discard();
    },
    async close() {
      closed = true;
      const client = await current?.catch(() => undefined);
      current = undefined;
      await client?.discard();
    },
  };
}
