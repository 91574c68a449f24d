import { deadLetter, type OriginHeaders } from '../dead-letters/format.ts';
import { Delivery } from '../kafka/producer/delivery.ts';
import type { Producer } from '../kafka/producer/producer.ts';
import type { DeadLetterSink, Sink } from '../ports.ts';
import type { Batch, BatchRecord } from '../records/records.ts';
import { RefusedDeadLetters } from '../records/refusals.ts';

/** The settings of the dead-letter sink. */
export interface DeadLetterSinkOptions extends Pick<Sink, 'name' | 'target'> {
  readonly topic: string;
  readonly producer: Producer;
  readonly originHeaders: OriginHeaders;
}

/**
 * Writes the records that can never be processed to the dead-letter topic. `write` rejects with RefusedDeadLetters when the topic refuses
 * some of them. A retry with the same batch sends only those that are not acknowledged.
 */
export function createDeadLetterSink(options: DeadLetterSinkOptions): DeadLetterSink {
  const { name, target, topic, producer, originHeaders } = options;
  const deliveries = new WeakMap<Batch<BatchRecord>, Delivery>();

  function deliveryOf(batch: Batch<BatchRecord>): Delivery {
    const known = deliveries.get(batch);
    if (known !== undefined) return known;
    const delivery = new Delivery(batch.poison.map((record) => deadLetter(topic, record, originHeaders)));
    deliveries.set(batch, delivery);
    return delivery;
  }

  return {
    name,
    target: target ?? { kind: 'dead_letter', name: topic },
    connect: () => producer.connect(topic),
    async write(batch) {
      const delivery = deliveryOf(batch);
      delivery.retryRefused();
      const refused = await producer.deliver(delivery);
      const [first] = refused;
      if (first === undefined) return [];
      const poison = refused.flatMap(({ index }) => batch.poison[index] ?? []);
      throw new RefusedDeadLetters(name, topic, poison, first.error.detail);
    },
    close: async () => undefined,
  };
}
