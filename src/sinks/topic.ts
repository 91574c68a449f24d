import { SinkError } from '../errors.ts';
import type { Producer } from '../kafka/producer/producer.ts';
import type { ProducerRecord } from '../kafka/producer/producer-record.ts';
import type { Sink } from '../ports.ts';
import type { GroupedBatch, Rejection, StoredFile } from '../records/records.ts';

export interface TopicSinkOptions {
  readonly name: string;
  readonly topic: string;
  /** Which record of the batch goes there. */
  readonly publishes: 'state' | 'image';
  readonly producer: Producer;
}

/** What a batch publishes to one output topic; keys and JSON are the contract's. */
export function topicRecords(
  batch: GroupedBatch,
  topic: string,
  publishes: 'state' | 'image',
): readonly ProducerRecord[] {
  const records: ProducerRecord[] = [];
  for (const grouped of batch.grouped) {
    const row = grouped[publishes];
    if (row !== null) records.push({ topic, key: row.key, value: row.json });
  }
  return records;
}

/** Publishes the state or the image records of each batch. */
export function createTopicSink({ name, topic, publishes, producer }: TopicSinkOptions): Sink {
  return {
    name,
    connect: () => producer.connect(),
    async write(batch) {
      const records = topicRecords(batch, topic, publishes);
      try {
        await producer.send(records);
        return [];
      } catch (error) {
        if (!isRejection(error)) throw error;
        return await sendOneByOne(producer, records, filesOf(batch, publishes));
      }
    },
    // The composition root closes the producer: it is shared.
    close: async () => undefined,
  };
}

/** Whose the records of `topicRecords` are, in the same order. */
function filesOf(batch: GroupedBatch, publishes: 'state' | 'image'): readonly StoredFile[] {
  return batch.grouped.filter((grouped) => grouped[publishes] !== null).map(({ file }) => file);
}

function isRejection(error: unknown): error is SinkError {
  return error instanceof SinkError && error.code === 'rejected';
}

/** The broker refused something of a batch: what exactly shows only when each record goes alone. */
async function sendOneByOne(
  producer: Producer,
  records: readonly ProducerRecord[],
  files: readonly StoredFile[],
): Promise<readonly Rejection[]> {
  const results = await Promise.allSettled(records.map((record) => producer.send([record])));
  return results.flatMap((result, i) => {
    if (result.status === 'fulfilled') return [];
    if (!isRejection(result.reason)) throw result.reason;
    const file = files[i];
    return file === undefined ? [] : [{ file, error: result.reason }];
  });
}
