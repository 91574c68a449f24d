import { setTimeout as sleep } from 'node:timers/promises';
import { SourceError } from '../../errors.ts';
import { errorName } from '../client/client.ts';
import { nativeCall } from '../client/native-calls.ts';
import { type NativeConsumer, type Partition, type PartitionOffset, partitionName } from '../client/types.ts';

/** A partition as a consumer is given it; without an offset the client asks the group itself. */
export type StartOffset = Partition & { readonly offset?: number };

/** librdkafka's logical offsets, as `auto.offset.reset` names them. */
const NEVER_COMMITTED: Readonly<Record<string, number>> = { earliest: -2, latest: -1 };
const ASK_MS = 3_000;
const PAUSE_MS = 200;

/**
 * A group's committed offsets of these partitions; those without a commit are left out. Rejects with a SourceError when one isn't known:
 * for a consumer of committed records also while a transaction that commits it is open.
 */
export async function committedOffsets(
  consumer: NativeConsumer,
  partitions: readonly Partition[],
  timeoutMs: number,
): Promise<readonly PartitionOffset[]> {
  const asked = partitions.map(({ topic, partition }) => ({ topic, partition }));
  let offsets: readonly PartitionOffset[];
  try {
    offsets = await nativeCall<readonly PartitionOffset[]>('committed offsets', (done) =>
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

/**
 * Where a consumer begins with partitions that it is given, however long the group's coordinator, or an open transaction, makes it wait;
 * undefined when `wanted` ends first. `reset` is its `auto.offset.reset`. The client's own question is not to be trusted (librdkafka
 * 2.15.1, rdkafka_assignment.c): when partitions come or go while it waits for a transaction, it begins with those at `reset` instead of
 * asking again, and what was published is published a second time; and an answer that it can't read ends the process (a null pointer).
 */
export async function startOffsets(
  consumer: NativeConsumer,
  partitions: readonly Partition[],
  reset: unknown,
  wanted: () => boolean,
): Promise<readonly StartOffset[] | undefined> {
  if (partitions.length === 0) return [];
  while (wanted()) {
    try {
      const committed = new Map(
        (await committedOffsets(consumer, partitions, ASK_MS)).map((each) => [partitionName(each), each.offset]),
      );
      return partitions.map(({ topic, partition }) => {
        const offset = committed.get(partitionName({ topic, partition })) ?? NEVER_COMMITTED[String(reset)];
        return offset === undefined ? { topic, partition } : { topic, partition, offset };
      });
    } catch {
      await sleep(PAUSE_MS);
    }
  }
  return undefined;
}
