import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type GroupOffset,
  gapsOf,
  groupOffsets,
  lagOf,
  nextOffset,
  type OffsetQueries,
  parseResetTarget,
  planReset,
} from '../../src/cli/group-offsets.ts';

const TOPIC = 'storage_queue';
const partitionOffsets = (offsets: Readonly<Record<number, number>>) =>
  Object.entries(offsets).map(([partition, offset]) => ({ topic: TOPIC, partition: Number(partition), offset }));

/** A cluster with one topic of two partitions: 0 to 100 and 50 to 80, of which only the first has a committed offset. */
const cluster: OffsetQueries = {
  beginOffsets: async (topic) => (topic === TOPIC ? partitionOffsets({ 0: 0, 1: 50 }) : []),
  endOffsets: async (topic) => (topic === TOPIC ? partitionOffsets({ 0: 100, 1: 80 }) : []),
  commits: async () => partitionOffsets({ 0: 40 }).map((each) => ({ ...each, done: [] })),
  offsetsAt: async (_, time) => partitionOffsets({ 0: time === Date.parse('2026-01-31T12:00:00Z') ? 30 : 99, 1: 60 }),
};

describe('groupOffsets', () => {
  it('has a line per partition, with null where nothing is committed', async () => {
    expect(await groupOffsets(cluster, 'g', TOPIC)).toEqual([
      { topic: TOPIC, partition: 0, begin: 0, committed: 40, end: 100, done: [] },
      { topic: TOPIC, partition: 1, begin: 50, committed: null, end: 80, done: [] },
    ]);
  });

  it('is empty for a topic that does not exist', async () => {
    expect(await groupOffsets(cluster, 'g', 'other')).toEqual([]);
  });
});

describe('the lag', () => {
  const at = (begin: number, committed: number | null, end: number): GroupOffset => ({
    topic: TOPIC,
    partition: 0,
    begin,
    committed,
    end,
    done: [],
  });

  it.each([
    ['counts from the committed offset', at(0, 40, 100), 60],
    ['counts from the first record where nothing is committed', at(50, null, 80), 30],
    ['counts from the first record where the committed one was deleted', at(50, 10, 80), 30],
    ['is 0 where the committed offset lies beyond the end', at(0, 90, 80), 0],
  ])('%s', (_, offset, lag) => {
    expect(lagOf(offset)).toBe(lag);
  });
});

describe('planReset', () => {
  const plan = async (to: string) => {
    const target = parseResetTarget(to);
    if (target === undefined) throw new Error(`${to} is no target`);
    return planReset(await groupOffsets(cluster, 'g', TOPIC), await target(cluster, TOPIC));
  };

  it.each([
    ['earliest', { 0: 0, 1: 50 }, 40, 0],
    ['latest', { 0: 100, 1: 80 }, 0, 90],
    ['60', { 0: 60, 1: 60 }, 0, 30],
    ['4000', { 0: 100, 1: 80 }, 0, 90],
    ['2026-01-31T12:00:00Z', { 0: 30, 1: 60 }, 10, 10],
    ['2026-01-31T13:00:00+01:00', { 0: 30, 1: 60 }, 10, 10],
  ])('to %s commits offsets within the log and counts both directions', async (to, offsets, replayed, skipped) => {
    expect(await plan(to)).toEqual({ offsets: partitionOffsets(offsets), replayed, skipped });
  });

  it('resets a partition without a wanted offset to its beginning', async () => {
    const current = await groupOffsets(cluster, 'g', TOPIC);
    expect(planReset(current, partitionOffsets({ 0: 100 })).offsets).toEqual(partitionOffsets({ 0: 100, 1: 50 }));
  });

  it('stays within the log, and its counts add up to the change of the offsets', () => {
    const log = fc
      .tuple(fc.nat(1_000), fc.nat(1_000), fc.option(fc.nat(3_000)))
      .map(([begin, records, committed]) => ({ begin, committed, end: begin + records }));
    fc.assert(
      fc.property(fc.array(fc.tuple(log, fc.nat(3_000)), { maxLength: 5 }), (partitions) => {
        const current = partitions.map(([each], partition) => ({ topic: TOPIC, partition, ...each, done: [] }));
        const wanted = partitions.map(([, offset], partition) => ({ topic: TOPIC, partition, offset }));
        const { offsets, replayed, skipped } = planReset(current, wanted);
        expect(offsets.map(({ partition }) => partition)).toEqual(current.map(({ partition }) => partition));
        for (const { partition, offset } of offsets) {
          expect(offset).toBeGreaterThanOrEqual(current[partition]?.begin ?? Number.NaN);
          expect(offset).toBeLessThanOrEqual(current[partition]?.end ?? Number.NaN);
        }
        const moved = current.reduce((sum, each, n) => sum + (offsets[n]?.offset ?? Number.NaN) - nextOffset(each), 0);
        expect(skipped - replayed).toBe(moved);
        expect(Math.min(skipped, replayed)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('the gaps', () => {
  const offset = { topic: TOPIC, partition: 0, begin: 0, committed: 10, end: 100, done: [12, 20, 21, 50] };

  it('are the offsets from the committed one to the last processed one that are not processed', () => {
    expect(gapsOf(offset, true)).toEqual([
      { first: 10, last: 11, why: 'open' },
      { first: 20, last: 20, why: 'open' },
    ]);
    expect(gapsOf({ ...offset, done: [] }, true)).toEqual([]);
    expect(gapsOf({ ...offset, committed: null, done: [] }, true)).toEqual([]);
  });

  it('are left for the next process without members, or deleted where retention has passed them', () => {
    expect(gapsOf({ ...offset, begin: 15 }, false).map(({ why }) => why)).toEqual(['deleted', 'left']);
  });

  it('are what a reset to the same offset does not count as consumed again', () => {
    const to = (wanted: number) => {
      const { replayed, skipped } = planReset([offset], [{ topic: TOPIC, partition: 0, offset: wanted }]);
      return { replayed, skipped };
    };
    expect(to(10)).toEqual({ replayed: 37, skipped: 0 });
    expect(to(0)).toEqual({ replayed: 47, skipped: 0 });
    expect(to(30)).toEqual({ replayed: 20, skipped: 3 });
    expect(to(100)).toEqual({ replayed: 0, skipped: 53 });
  });
});

describe('parseResetTarget', () => {
  it.each(['', 'first', '-1', '1.5', '2026-01-31T12:00:00', '2026-02-31T12:00:00Z', '31.1.2026', 'Latest'])(
    'refuses %j',
    (to) => {
      expect(parseResetTarget(to)).toBeUndefined();
    },
  );
});
