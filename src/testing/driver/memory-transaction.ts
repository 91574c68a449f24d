import { SinkError } from '../../errors.ts';
import type { Transaction } from '../../ports.ts';
import type { BatchRecord } from '../../records/records.ts';
import { publications, type TransactionTopic } from '../../sinks/publications.ts';
import type { MemorySource } from './memory-source.ts';
import type { MemoryTopics } from './memory-topics.ts';

/** A transaction in memory. */
export interface MemoryTransactionOptions<R extends BatchRecord> {
  /** The topics of the records. */
  readonly outputs: readonly TransactionTopic<R>[];
  readonly deadLetters: { readonly name: string; readonly topic: string };
  readonly topics: MemoryTopics;
  readonly source: MemorySource;
}

/** Publishes and commits at once. It admits the records that Kafka's transaction would admit. */
export function createMemoryTransaction<R extends BatchRecord>(options: MemoryTransactionOptions<R>): Transaction<R> {
  const { outputs, deadLetters, topics, source } = options;
  return {
    name: 'transaction',
    outputs: [
      ...outputs.map(({ name, topic }) => ({ name, target: { kind: 'topic', name: topic } as const })),
      { name: deadLetters.name, target: { kind: 'dead_letter', name: deadLetters.topic } },
    ],
    connect: async () => undefined,
    admit: (origins) => source.transactionOffsets.admit(origins),
    async commit(batches) {
      // Before anything is published: `recordOf` may throw.
      const records = batches.map((batch) => publications(batch, outputs));
      const offsets = source.transactionOffsets.of(batches.flatMap(({ origins }) => origins));
      if (offsets === undefined) throw new SinkError('transaction', 'unavailable', 'partitions revoked');
      batches.forEach((batch, i) => {
        topics.publish(records[i] ?? []);
        topics.publishDeadLetters(batch, deadLetters.topic);
      });
      return batches.map(({ origins }) => source.ack(origins));
    },
    close: async () => undefined,
  };
}
