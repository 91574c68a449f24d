import type { RecordHeader } from '../../records/records.ts';

/** One record to publish. The partition follows from the key, by murmur2. */
export interface ProducerRecord {
  readonly topic: string;
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: readonly RecordHeader[];
}
