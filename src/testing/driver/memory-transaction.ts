import { SinkError } from '../../errors.ts';
import type { OutputNode, Transaction } from '../../ports.ts';
import type { Batch, BatchRecord } from '../../records/records.ts';
import type { MemorySource } from './memory-source.ts';

/** A transaction in memory. */
export interface MemoryTransactionOptions<R extends BatchRecord> {
  readonly outputs: readonly OutputNode[];
  readonly source: MemorySource;
  /** Publishes the records of a batch, dead letters included. */
  readonly publish: (batch: Batch<R>) => void;
}

/** Publishes and commits at once. It admits the records that Kafka's transaction would admit. */
export function createMemoryTransaction<R extends BatchRecord>(options: MemoryTransactionOptions<R>): Transaction<R> {
  const { outputs, source, publish } = options;
  return {
    name: 'transaction',
    outputs,
    connect: async () => undefined,
    admit: (origins) => source.transactionOffsets.admit(origins),
    async commit(batches) {
      const offsets = source.transactionOffsets.of(batches.flatMap(({ origins }) => origins));
      if (offsets === undefined) throw new SinkError('transaction', 'unavailable', 'partitions revoked');
      batches.forEach(publish);
      return batches.map(({ origins }) => source.ack(origins));
    },
    close: async () => undefined,
  };
}
