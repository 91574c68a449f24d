import { Delivery } from '../kafka/producer/delivery.ts';
import type { Producer } from '../kafka/producer/producer.ts';
import type { Sink } from '../ports.ts';
import { type Batch, type BatchRecord, rejectionOf } from '../records/records.ts';
import { type RecordOf, rowRecord } from './publications.ts';

/** The settings of a topic sink. */
export interface TopicSinkOptions extends Pick<Sink, 'name' | 'target'> {
  readonly topic: string;
  /** Which records of a batch the topic gets. */
  readonly publishes: 'state' | 'image';
  readonly producer: Producer;
}

/** The settings of a sink that publishes records of any type. */
export interface RecordSinkOptions<R extends BatchRecord> extends Omit<TopicSinkOptions, 'publishes'> {
  readonly recordOf: RecordOf<R>;
}

interface Sending<R> {
  readonly records: readonly R[];
  readonly delivery: Delivery;
}

/** Publishes the state or the image records of each batch. A batch that is written again sends only what was not acknowledged. */
export function createTopicSink({ publishes, ...options }: TopicSinkOptions): Sink {
  return createRecordSink({ ...options, recordOf: rowRecord(publishes) });
}

/** Publishes what `recordOf` makes of each record. A batch that is written again sends only what was not acknowledged. */
export function createRecordSink<R extends BatchRecord>({
  topic,
  recordOf,
  producer,
  ...node
}: RecordSinkOptions<R>): Sink<R> {
  // Only of batches whose last write failed: an entry for every batch would cost the garbage collector more than the sending itself.
  const failed = new WeakMap<Batch<R>, Sending<R>>();

  function newSending(batch: Batch<R>): Sending<R> {
    const records: R[] = [];
    const published = batch.grouped.flatMap((record) => {
      const output = recordOf(record);
      if (output === null) return [];
      records.push(record);
      return { topic, ...output };
    });
    return { records, delivery: new Delivery(published) };
  }

  return {
    target: { kind: 'topic', name: topic },
    ...node,
    connect: () => producer.connect(topic),
    async write(batch) {
      const sending = failed.get(batch) ?? newSending(batch);
      const { records, delivery } = sending;
      try {
        const refused = await producer.deliver(delivery);
        return refused.flatMap(({ index, error }) => {
          const record = records[index];
          return record === undefined ? [] : [rejectionOf(record, error)];
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
