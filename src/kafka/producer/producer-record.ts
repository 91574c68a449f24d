import type { RecordHeader } from '../../records/records.ts';

/** One record to publish. The client chooses the partition by the key's murmur2 hash. */
export interface ProducerRecord {
  readonly topic: string;
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: readonly RecordHeader[];
  /** In milliseconds since the epoch. Default: the time when the client queues the record. */
  readonly timestamp?: number | undefined;
}
