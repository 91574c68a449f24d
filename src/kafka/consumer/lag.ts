import { type NativeConsumer, type Partition, partitionName } from '../client/client.ts';
import { nativeCall } from '../client/native-calls.ts';

/** Lag of one partition: records between the committed offset and the end. */
export interface PartitionLag extends Partition {
  readonly lag: number;
}

/** What is read of librdkafka's statistics document (its STATISTICS.md). */
interface Statistics {
  readonly brokers?: Record<string, { readonly state: string }>;
  readonly topics?: Record<string, { readonly partitions?: Record<string, PartitionStatistics> }>;
}

interface PartitionStatistics {
  readonly partition: number;
  readonly fetch_state: string;
  readonly lo_offset: number;
  readonly hi_offset: number;
  readonly committed_offset: number;
}

const QUERY_TIMEOUT_MS = 1_000;

/**
 * Lags of the partitions that this consumer has now. Before the first commit, all that the partition holds is lag. The client's own
 * figures don't do: it learns the end of a partition from its fetches, and it fetches nothing of one that is paused, as ours are when a
 * sink stands still, just when the lag matters; and it knows nothing of offsets that a transaction commits. So the broker is asked, one
 * question after the other; while it doesn't answer, what the client knew last is taken. Not to be called while the client is closed.
 */
export async function lagsOf(consumer: NativeConsumer, statistics: unknown): Promise<readonly PartitionLag[]> {
  const known = partitionsOf(statistics);
  const committed = await committedOf(consumer, known);
  const lags: PartitionLag[] = [];
  let answering = committed !== undefined;
  for (const each of known) {
    const asked: number | undefined = answering ? await endOf(consumer, each) : undefined;
    answering = asked !== undefined;
    const end = asked ?? each.hi_offset;
    if (end < 0) continue;
    const offset = committed?.get(partitionName(each)) ?? each.committed_offset;
    const from = offset >= 0 ? offset : Math.max(0, each.lo_offset);
    lags.push({ topic: each.topic, partition: each.partition, lag: Math.max(0, end - from) });
  }
  // A partition that was taken away meanwhile is somebody else's to tell of.
  const held = new Set(consumer.assignments().map(partitionName));
  return lags.filter((each) => held.has(partitionName(each)));
}

/** Those that are being fetched, or would be if they weren't paused. */
function partitionsOf(statistics: unknown): readonly (PartitionStatistics & Partition)[] {
  return Object.entries((statistics as Statistics).topics ?? {}).flatMap(([topic, { partitions = {} }]) =>
    Object.values(partitions)
      .filter(({ partition, fetch_state }) => partition >= 0 && fetch_state !== 'none')
      .map((each) => ({ ...each, topic })),
  );
}

async function committedOf(
  consumer: NativeConsumer,
  partitions: readonly Partition[],
): Promise<ReadonlyMap<string, number> | undefined> {
  if (partitions.length === 0) return new Map();
  const asked = partitions.map(({ topic, partition }) => ({ topic, partition }));
  try {
    const found = await nativeCall<readonly (Partition & { readonly offset?: number })[]>(
      'committed offsets for the lag',
      (done) => consumer.committed(asked, QUERY_TIMEOUT_MS, done),
    );
    return new Map(found.map((each) => [partitionName(each), each.offset ?? NO_OFFSET]));
  } catch {
    return undefined;
  }
}

const NO_OFFSET = -1;

async function endOf(consumer: NativeConsumer, { topic, partition }: Partition): Promise<number | undefined> {
  try {
    const offsets = await nativeCall<{ readonly highOffset: number }>('end offset for the lag', (done) =>
      consumer.queryWatermarkOffsets(topic, partition, QUERY_TIMEOUT_MS, done),
    );
    return offsets.highOffset;
  } catch {
    return undefined;
  }
}

/** Whether a broker has let the client in and still holds the line, as of these statistics: any, the group's coordinator included. */
export function isReachable(statistics: unknown): boolean {
  return Object.values((statistics as Statistics).brokers ?? {}).some(({ state }) => state === 'UP');
}
