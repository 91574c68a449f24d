import { describe, expect, it } from 'vitest';
import { CommitEncoder, type NativeCommit } from '../../src/kafka/consumer/commit-encoder.ts';

/** A broker with this `offset.metadata.max.bytes`. */
const accepts = (commits: readonly NativeCommit[], maxBytes: number) =>
  commits.every(({ metadata = '' }) => metadata.length <= maxBytes);

const committable = {
  topic: 't',
  partition: 0,
  offset: 0,
  log: { topicId: 'JEOtr6ldS7W9BlsRwOCikw', firstPartitions: 1 },
  done: Array.from({ length: 2_000 }, (_, n) => 1 + n * 2 + Math.floor(n / 2)),
};

describe('a commit that the broker refuses because of the size of its metadata', () => {
  it.each([0, 40, 51, 52, 80, 300, 3_000])('is accepted in the end by a broker that takes %d bytes', (maxBytes) => {
    const encoder = new CommitEncoder();
    let refusals = 0;
    while (!accepts(encoder.encode([committable]).offsets, maxBytes)) {
      encoder.refused();
      expect(++refusals).toBeLessThan(10);
    }
    // As in a transaction, which has no plain commit in between.
    const other = new CommitEncoder();
    for (refusals = 0; !accepts([other.encodeOne(committable).commit], maxBytes); refusals++) {
      other.refused();
      expect(refusals).toBeLessThan(10);
    }
  });

  it('keeps the log in its metadata where the broker takes as much', () => {
    const encoder = new CommitEncoder();
    for (let refusals = 0; refusals < 5; refusals++) encoder.refused();
    expect(encoder.encode([committable]).offsets[0]?.metadata).toContain(committable.log.topicId);
    expect(encoder.isIncomplete).toBe(false);
  });

  it('counts every done offset as not listed when the broker takes no metadata', () => {
    const encoder = new CommitEncoder();
    encoder.refused();
    encoder.encode([committable]);
    encoder.refused();
    const { offsets, unlisted } = encoder.encode([committable]);
    expect(offsets).toEqual([{ topic: 't', partition: 0, offset: 0 }]);
    expect(unlisted[0]?.records).toBeGreaterThan(1_000);
    expect(encoder.isIncomplete).toBe(false);
  });
});
