import type { Sink } from '../../topology/nodes.ts';
import { SinkError } from '../errors.ts';
import type { Producer, ProducerRecord } from '../kafka/producer.ts';
import type { GroupedBatch, PublishedRow, Rejection, StoredFile } from '../records/records.ts';

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
  return select(batch, publishes).map(({ row }) => toRecord(topic, row));
}

/** Publishes the state or the image records of each batch. */
export function createTopicSink({ name, topic, publishes, producer }: TopicSinkOptions): Sink {
  return {
    name,
    connect: () => producer.connect(),
    async write(batch) {
      const outgoing = select(batch, publishes);
      const records = outgoing.map(({ row }) => toRecord(topic, row));
      try {
        await producer.send(records);
        return [];
      } catch (error) {
        if (!isRejection(error)) throw error;
        return await sendOneByOne(producer, records, outgoing);
      }
    },
    // The composition root closes the producer: it is shared.
    close: async () => undefined,
  };
}

function toRecord(topic: string, row: PublishedRow): ProducerRecord {
  return { topic, key: row.key, value: row.json };
}

interface Outgoing {
  readonly file: StoredFile;
  readonly row: PublishedRow;
}

function select(batch: GroupedBatch, publishes: 'state' | 'image'): Outgoing[] {
  return batch.grouped.flatMap(({ file, [publishes]: row }) => (row === null ? [] : [{ file, row }]));
}

function isRejection(error: unknown): error is SinkError {
  return error instanceof SinkError && error.code === 'rejected';
}

/** The broker refused something of a batch: what exactly shows only when each record goes alone. */
async function sendOneByOne(
  producer: Producer,
  records: readonly ProducerRecord[],
  outgoing: readonly Outgoing[],
): Promise<readonly Rejection[]> {
  const results = await Promise.allSettled(records.map((record) => producer.send([record])));
  return results.flatMap((result, i) => {
    if (result.status === 'fulfilled') return [];
    if (!isRejection(result.reason)) throw result.reason;
    const file = outgoing[i]?.file;
    return file === undefined ? [] : [{ file, error: result.reason }];
  });
}
