/** Lag of one partition: records between the committed offset and the end. */
export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  readonly lag: number;
}

/** What is read of librdkafka's statistics document (its STATISTICS.md). */
interface Statistics {
  readonly topics?: Record<string, { readonly partitions?: Record<string, PartitionStatistics> }>;
}

interface PartitionStatistics {
  readonly partition: number;
  readonly fetch_state: string;
  readonly lo_offset: number;
  readonly hi_offset: number;
  readonly committed_offset: number;
}

/** Lags of the partitions this consumer fetches. Before the first commit, all that the partition holds is lag. */
export function lagsOf(statistics: unknown): readonly PartitionLag[] {
  const lags: PartitionLag[] = [];
  for (const [topic, { partitions = {} }] of Object.entries((statistics as Statistics).topics ?? {})) {
    for (const { partition, fetch_state, lo_offset, hi_offset, committed_offset } of Object.values(partitions)) {
      if (partition < 0 || fetch_state === 'none' || hi_offset < 0) continue;
      const from = committed_offset >= 0 ? committed_offset : Math.max(0, lo_offset);
      lags.push({ topic, partition, lag: Math.max(0, hi_offset - from) });
    }
  }
  return lags;
}
