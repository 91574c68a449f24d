import fc from 'fast-check';
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
    for (refusals = 0; ; refusals++) {
      const { commit } = other.encodeOne(committable);
      other.sends([commit]);
      if (accepts([commit], maxBytes)) break;
      other.refused();
      expect(refusals).toBeLessThan(10);
    }
  });

  it('keeps the log in its metadata where the broker takes as much', () => {
    const encoder = new CommitEncoder();
    while (encoder.refused() > 0) encoder.encodeOne(committable);
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

  it('never leads to less metadata than the broker has accepted, whatever its limit and the number of gaps', () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.array(fc.nat(2_000), { maxLength: 30 }), (limit, gaps) => {
        const encoder = new CommitEncoder();
        let accepted = 0;
        let refusals = 0;
        for (const count of gaps) {
          const { offsets } = encoder.encode([{ ...committable, done: committable.done.slice(0, 2 * count) }]);
          const bytes = offsets[0]?.metadata?.length ?? 0;
          if (accepts(offsets, limit)) {
            encoder.accepted();
            accepted = Math.max(accepted, bytes);
            continue;
          }
          refusals++;
          const most = encoder.refused();
          if (accepted >= 256) expect(most).toBeGreaterThanOrEqual(accepted);
          expect(most).toBeLessThan(bytes);
        }
        expect(refusals).toBeLessThan(8);
      }),
    );
  });

  it('lists what fits into 256 bytes before it lists nothing', () => {
    const encoder = new CommitEncoder();
    encoder.encode([committable]);
    let sizes = [encoder.refused()];
    while (sizes[0] !== 0) {
      encoder.encode([committable]);
      encoder.encode([committable]);
      sizes = [encoder.refused(), ...sizes];
    }
    expect(sizes.slice(0, 2)).toEqual([0, 256]);
  });

  it('starts from half of the refused size where the refused list was short', () => {
    const encoder = new CommitEncoder();
    const [commit] = encoder.encode([{ ...committable, done: committable.done.slice(0, 1_600) }]).offsets;
    const bytes = commit?.metadata?.length ?? 0;
    expect(bytes).toBeLessThan(4_096 / 2);
    expect(encoder.refused()).toBe(Math.floor(bytes / 2));
  });

  it('forgets what was accepted when a broker refuses less', () => {
    const encoder = new CommitEncoder();
    const [commit] = encoder.encode([committable]).offsets;
    encoder.accepted();
    encoder.encode([committable]);
    expect(encoder.refused()).toBe(Math.floor((commit?.metadata?.length ?? 0) / 2));
  });

  it('leaves room for as much as was accepted when that is more than half of the refused size', () => {
    const encoder = new CommitEncoder();
    const [commit] = encoder.encode([{ ...committable, done: committable.done.slice(0, 1_600) }]).offsets;
    encoder.accepted();
    encoder.encode([committable]);
    expect(encoder.refused()).toBe(commit?.metadata?.length);
  });
});
