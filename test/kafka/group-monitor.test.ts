import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Partition, type PartitionOffset, partitionName } from '../../src/kafka/client/types.ts';
import { GroupMonitor } from '../../src/kafka/consumer/group-monitor.ts';

interface Group {
  readonly own: readonly number[];
  /** The partitions for which the group has an offset. */
  readonly committed: readonly number[];
  readonly withRecords: readonly number[];
}

/** What the monitor reports as unowned for a topic with three partitions. */
async function unownedIn({ own, committed, withRecords }: Group): Promise<readonly number[]> {
  const at = (partition: number, offset: number): PartitionOffset => ({ topic: 't', partition, offset });
  const reported: (readonly Partition[])[] = [];
  const monitor = new GroupMonitor({
    queries: {
      topics: async () => [{ topic: 't', id: 'x', partitions: 3 }],
      committed: async (asked) =>
        asked.flatMap(({ partition }) => (committed.includes(partition) ? at(partition, 0) : [])),
      ranges: async (asked) =>
        new Map(
          asked.map((each) => [partitionName(each), { begin: 5, end: withRecords.includes(each.partition) ? 6 : 5 }]),
        ),
      readableEnds: async () => new Map(),
    },
    topics: ['t'],
    assigned: () => own.map((partition) => at(partition, 0)),
    described: () => undefined,
    unowned: (partitions) => reported.push(partitions),
    lags: () => undefined,
    readable: () => undefined,
  });
  monitor.start();
  while (reported.length === 0) await sleep(1);
  monitor.stop();
  return (reported[0] ?? []).map(({ partition }) => partition);
}

describe('the partitions without an owner', () => {
  it('have records, and the group has no offset for them', async () => {
    expect(await unownedIn({ own: [0], committed: [0], withRecords: [0, 1, 2] })).toEqual([1, 2]);
  });

  it('are not those for which another member has committed', async () => {
    expect(await unownedIn({ own: [0], committed: [0, 1, 2], withRecords: [0, 1, 2] })).toEqual([]);
  });

  it('are not those without records, for which an owner may have nothing to commit', async () => {
    expect(await unownedIn({ own: [0], committed: [0], withRecords: [0, 2] })).toEqual([2]);
  });

  it('are not looked for before this member has partitions: the group may be rebalancing', async () => {
    expect(await unownedIn({ own: [], committed: [], withRecords: [0, 1, 2] })).toEqual([]);
  });
});
