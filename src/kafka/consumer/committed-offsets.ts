import { SourceError } from '../../errors.ts';
import { errorName } from '../client/client.ts';
import { nativeCall } from '../client/native-calls.ts';
import type { NativeConsumer, Partition, PartitionOffset } from '../client/types.ts';

/** A committed offset as the group's coordinator returns it. */
export interface CommittedOffset extends PartitionOffset {
  /** The metadata that was committed with the offset (commit-metadata.ts); absent or empty when there was none. */
  readonly metadata?: string | null;
}

/**
 * The committed offsets of the consumer's group; partitions without one are omitted. Rejects with a SourceError when the offset of any
 * partition is unknown. With read_committed, it is also unknown while an open transaction is about to commit it.
 */
export async function committedOffsets(
  consumer: NativeConsumer,
  partitions: readonly Partition[],
  timeoutMs: number,
): Promise<readonly CommittedOffset[]> {
  const asked = partitions.map(({ topic, partition }) => ({ topic, partition }));
  let offsets: readonly CommittedOffset[];
  try {
    offsets = await nativeCall<readonly CommittedOffset[]>('committed offsets', (done) =>
      consumer.committed(asked, timeoutMs, done),
    );
  } catch (error) {
    throw new SourceError('unavailable', errorName(error));
  }
  // A partition that failed is an Error in the answer; one without a commit has no offset.
  const failed = offsets.find((each) => each instanceof Error);
  if (failed !== undefined) throw new SourceError('unavailable', errorName(failed));
  return offsets.filter((each) => each.offset >= 0);
}
