import { Delivery } from '../kafka/producer/delivery.ts';
import type { Producer } from '../kafka/producer/producer.ts';
import type { ProducerRecord } from '../kafka/producer/producer-record.ts';
import type { Sink } from '../ports.ts';
import type { GroupedBatch, StoredFile } from '../records/records.ts';

/** The settings of a topic sink. */
export interface TopicSinkOptions extends Pick<Sink, 'name' | 'target'> {
  readonly topic: string;
  /** Which records of a batch the topic gets. */
  readonly publishes: 'state' | 'image';
  readonly producer: Producer;
}

/** The record that one file of a batch publishes to one output topic (docs/contract.md, "Topics"). */
export interface Publication {
  readonly file: StoredFile;
  readonly record: ProducerRecord;
}

/** The records that a batch publishes to one output topic. */
export function publications(batch: GroupedBatch, topic: string, publishes: 'state' | 'image'): readonly Publication[] {
  return batch.grouped.flatMap(({ file, [publishes]: row }) =>
    row === null ? [] : [{ file, record: { topic, key: row.key, value: row.json } }],
  );
}

interface Sending {
  readonly files: readonly StoredFile[];
  readonly delivery: Delivery;
}

/** Publishes the state or the image records of each batch. A batch that is written again sends only what was not acknowledged. */
export function createTopicSink({ topic, publishes, producer, ...node }: TopicSinkOptions): Sink {
  // Only of batches whose last write failed: an entry for every batch would cost the garbage collector more than the sending itself.
  const failed = new WeakMap<GroupedBatch, Sending>();

  function newSending(batch: GroupedBatch): Sending {
    const all = publications(batch, topic, publishes);
    return { files: all.map(({ file }) => file), delivery: new Delivery(all.map(({ record }) => record)) };
  }

  return {
    target: { kind: 'topic', name: topic },
    ...node,
    connect: () => producer.connect(topic),
    async write(batch) {
      const sending = failed.get(batch) ?? newSending(batch);
      const { files, delivery } = sending;
      try {
        const refused = await producer.deliver(delivery);
        return refused.flatMap(({ index, error }) => {
          const file = files[index];
          return file === undefined ? [] : [{ file, error }];
        });
      } catch (error) {
        failed.set(batch, sending);
        throw error;
      }
    },
    // build-nodes closes the producer, which the sinks share.
    close: async () => undefined,
  };
}
