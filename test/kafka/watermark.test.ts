import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WatermarkTracker } from '../../src/kafka/consumer/watermark.ts';

const at = (offset: number, partition = 0) => ({ topic: 't', partition, offset });
/** What is committed at `offset`, with ranges of done offsets above it. */
const commit = (offset: number, done: readonly number[] = [], partition = 0) => ({ ...at(offset, partition), done });

function offsetsIn(ranges: readonly number[]): number[] {
  return ranges.flatMap((from, i) =>
    i % 2 === 1 ? [] : Array.from({ length: (ranges[i + 1] ?? from) - from }, (_, n) => from + n),
  );
}

function tracker(...offsets: number[]): WatermarkTracker {
  const made = new WatermarkTracker();
  made.assign([{ topic: 't', partition: 0 }]);
  for (const offset of offsets) made.track(at(offset));
  return made;
}

describe('WatermarkTracker', () => {
  it('commits the first offset that is not acknowledged with the done ones above it, in any order of acknowledgements', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(10_000), { minLength: 1, maxLength: 300 }),
        fc.infiniteStream(fc.nat()),
        (numbers, random) => {
          const offsets = numbers.toSorted((a, b) => a - b);
          const tracked = tracker(...offsets);
          const order = [...offsets].map((offset) => ({ offset, at: random.next().value })).sort((a, b) => a.at - b.at);
          const acked = new Set<number>();
          for (const { offset } of order) {
            tracked.ack([at(offset)]);
            acked.add(offset);
            const open = offsets.filter((each) => !acked.has(each));
            const end = (offsets.at(-1) ?? 0) + 1;
            const [taken] = tracked.takeCommittable();
            expect(taken?.offset).toBe(open[0] ?? end);
            expect(offsetsIn(taken?.done ?? [])).toEqual(
              Array.from({ length: end }, (_, each) => each).filter(
                (each) => each > (open[0] ?? end) && !open.includes(each),
              ),
            );
          }
          expect(tracked.unacked).toBe(0);
        },
      ),
    );
  });

  it('counts a repeated acknowledgement once', () => {
    const tracked = tracker(0, 1);
    tracked.ack([at(1), at(1), at(7)]);
    expect(tracked.unacked).toBe(1);
    expect(tracked.takeCommittable()).toEqual([commit(0, [1, 2])]);
    tracked.ack([at(1)]);
    expect(tracked.takeCommittable()).toEqual([]);
    tracked.ack([at(0)]);
    expect(tracked.takeCommittable()).toEqual([commit(2)]);
    expect(tracked.takeCommittable()).toEqual([]);
  });

  it('commits nothing of a revoked partition', () => {
    const tracked = tracker(0, 1, 2);
    tracked.ack([at(0)]);
    tracked.forget([{ topic: 't', partition: 0 }]);
    tracked.ack([at(1), at(2)]);
    expect(tracked.takeCommittable()).toEqual([]);
    expect(tracked.unacked).toBe(0);
    expect(tracked.track(at(3))).toBeUndefined();
  });

  it('returns offsets again whose commit failed', () => {
    const tracked = tracker(0);
    tracked.ack([at(0)]);
    const taken = tracked.takeCommittable();
    tracked.restore(taken);
    expect(tracked.takeCommittable()).toEqual(taken);
  });

  it('restarts when offsets move backwards, so that old acks do not count for a new log', () => {
    const tracked = tracker(100, 101);
    tracked.track(at(0));
    tracked.ack([at(100), at(101)]);
    expect(tracked.takeCommittable()).toEqual([]);
    tracked.ack([at(0)]);
    expect(tracked.takeCommittable()).toEqual([commit(1)]);
  });

  it('ignores acks of an earlier assignment, even for an offset that was emitted again', () => {
    const tracked = tracker();
    const assign = () => tracked.assign([{ topic: 't', partition: 0 }]);
    const emit = () => {
      const assignment = tracked.track(at(0));
      return { ...at(0), ...(typeof assignment === 'object' && { assignment }) };
    };
    const before = emit();
    assign();
    const now = emit();
    expect(tracked.ack([before])).toEqual([]);
    expect(tracked.takeCommittable()).toEqual([]);
    expect(tracked.ack([now])).toHaveLength(1);
    expect(tracked.takeCommittable()).toEqual([commit(1)]);
  });

  it('commits a start offset with its log, unless it is the committed one', () => {
    const tracked = new WatermarkTracker();
    const log = { topicId: 'a', firstPartitions: 2 };
    tracked.assign([
      { topic: 't', partition: 0, offset: 7, isCommitted: false, log },
      { topic: 't', partition: 1, offset: 9, isCommitted: true },
    ]);
    expect(tracked.takeCommittable()).toEqual([{ ...commit(7), log }]);
    expect(tracked.assigned()).toEqual([at(7), at(9, 1)]);
  });

  it('commits the position after offsets that are never delivered once every emitted record is acked', () => {
    const tracked = tracker(0, 1);
    tracked.ack([at(0)]);
    // Offsets 2 to 4 are transaction markers.
    tracked.reached([at(5)]);
    expect(tracked.takeCommittable()).toEqual([commit(1)]);
    tracked.ack([at(1)]);
    expect(tracked.takeCommittable()).toEqual([commit(5)]);
  });

  it('commits no position that the client still reports of an earlier assignment', () => {
    const tracked = tracker();
    tracked.assign([{ topic: 't', partition: 0, offset: 0 }]);
    tracked.ignorePositions([at(600)]);
    tracked.reached([at(600)]);
    expect(tracked.takeCommittable()).toEqual([]);
    // The client has reset it, and has consumed a marker since.
    tracked.reached([at(1)]);
    expect(tracked.takeCommittable()).toEqual([commit(1)]);
    for (let offset = 1; offset < 600; offset++) tracked.track(at(offset));
    tracked.reached([at(600)]);
    expect(tracked.takeCommittable()).toEqual([]);
  });

  it('commits no position of an earlier assignment, nor one after a record emitted since then', () => {
    const tracked = tracker(0);
    tracked.reached([at(3)]);
    tracked.assign([{ topic: 't', partition: 0, offset: 0 }]);
    expect(tracked.takeCommittable()).toEqual([]);
    tracked.reached([{ topic: 't', partition: 0 }, at(-1001)]);
    tracked.track(at(0));
    tracked.reached([at(1)]);
    tracked.track(at(1));
    tracked.ack([at(0)]);
    expect(tracked.takeCommittable()).toEqual([commit(1)]);
  });

  it('keeps partitions apart', () => {
    const tracked = tracker(5);
    tracked.assign([{ topic: 't', partition: 1 }]);
    tracked.track(at(9, 1));
    tracked.ack([at(9, 1)]);
    expect(tracked.takeCommittable()).toEqual([commit(10, [], 1)]);
    expect(tracked.unackedOf([{ topic: 't', partition: 0 }])).toBe(1);
  });

  it('commits what is done above a few records that wait, however many others were acknowledged', () => {
    const tracked = tracker();
    const waiting = new Set([0, 50_000, 50_001]);
    for (let offset = 0; offset < 100_000; offset++) {
      tracked.track(at(offset));
      if (!waiting.has(offset)) tracked.ack([at(offset)]);
    }
    expect(tracked.unacked).toBe(3);
    expect(tracked.takeCommittable()).toEqual([commit(0, [1, 50_000, 50_002, 100_000])]);
    tracked.ack([at(0)]);
    expect(tracked.takeCommittable()).toEqual([commit(50_000, [50_002, 100_000])]);
    tracked.ack([at(50_001)]);
    expect(tracked.takeCommittable()).toEqual([commit(50_000, [50_001, 100_000])]);
    tracked.ack([at(50_000)]);
    expect(tracked.takeCommittable()).toEqual([commit(100_000)]);
  });

  it('emits nothing that an earlier assignment has done, and commits it again', () => {
    const tracked = tracker();
    tracked.assign([{ ...at(5), done: [6, 8, 10, 20] }]);
    const emitted = [5, 6, 7, 8, 9, 10, 12].filter((offset) => tracked.track(at(offset)) !== 'done');
    expect(emitted).toEqual([5, 8, 9]);
    expect(tracked.unacked).toBe(3);
    expect(tracked.takeCommittable()).toEqual([]);
    tracked.ack([at(8)]);
    expect(tracked.takeCommittable()).toEqual([commit(5, [6, 9, 10, 20])]);
    tracked.ack([at(5), at(9)]);
    expect(tracked.takeCommittable()).toEqual([commit(20)]);
    expect(tracked.next()).toEqual([at(13)]);
    expect([19, 20].filter((offset) => tracked.track(at(offset)) !== 'done')).toEqual([20]);
  });

  it('emits what had the offset of a done record when the log moved backwards', () => {
    const tracked = tracker();
    tracked.assign([{ ...at(5), done: [6, 20] }]);
    expect(tracked.track(at(6))).toBe('done');
    expect(tracked.track(at(6))).not.toBe('done');
  });

  it('repeats and skips nothing but what was not committed, through any acknowledgements, refused commits and kills', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ deliver: fc.integer({ min: 1, max: 30 }) }) },
      { weight: 6, arbitrary: fc.record({ ack: fc.integer({ min: 1, max: 40 }), seed: fc.nat() }) },
      { weight: 4, arbitrary: fc.record({ commit: fc.constantFrom('accepted', 'refused') }) },
      { weight: 1, arbitrary: fc.constant({ kill: true }) },
    );
    // Offsets without a record: compaction and transaction markers.
    const absent = fc.uniqueArray(fc.nat(300), { maxLength: 60 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), absent, (steps, holes) => {
        const exists = (offset: number) => !holes.includes(offset);
        /** The broker's side: the committed offset, what its metadata lists, and which records were stored. */
        let offset = 0;
        let done: readonly number[] = [];
        const stored = new Set<number>();
        let tracked = tracker();
        let open: number[] = [];
        /** Acknowledged in this life of the process. */
        let acknowledged = new Set<number>();
        let position = 0;
        const start = () => {
          tracked = new WatermarkTracker();
          tracked.assign([{ ...at(offset), done }]);
          open = [];
          acknowledged = new Set();
          position = offset;
        };
        start();
        for (const each of steps) {
          if ('kill' in each) start();
          else if ('deliver' in each) {
            for (let n = 0; n < each.deliver; n++, position++) {
              if (!exists(position)) continue;
              const isListed = position < offset || offsetsIn(done).includes(position);
              const emitted = tracked.track(at(position));
              if (isListed) expect(emitted).toBe('done');
              // A record that is skipped was stored.
              if (emitted === 'done') expect(stored.has(position)).toBe(true);
              else open.push(position);
            }
          } else if ('ack' in each) {
            const acked = open.filter((_, i) => (i * 7 + each.seed) % 40 < each.ack);
            for (const one of acked) {
              stored.add(one);
              acknowledged.add(one);
            }
            tracked.ack(acked.map((one) => at(one)));
            open = open.filter((one) => !acked.includes(one));
          } else {
            const [taken] = tracked.takeCommittable();
            if (taken === undefined) continue;
            expect(taken.offset).toBeGreaterThanOrEqual(offset);
            const listed = [...Array.from({ length: taken.offset }, (_, n) => n), ...offsetsIn(taken.done)];
            for (const one of listed) if (exists(one)) expect(stored.has(one)).toBe(true);
            for (const one of acknowledged) expect(listed).toContain(one);
            if (each.commit === 'refused') tracked.restore([taken]);
            else {
              tracked.committed([taken]);
              offset = taken.offset;
              done = taken.done;
            }
          }
          expect(tracked.unacked).toBe(open.length);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('counts each record once: as acknowledged, or as released with its partition', () => {
    let released = 0;
    const tracked = new WatermarkTracker((records) => {
      released += records;
    });
    tracked.assign([{ topic: 't', partition: 0 }]);
    for (const offset of [1, 2, 3]) tracked.track(at(offset));
    expect(tracked.ack([at(2), at(2)])).toEqual([at(2)]);
    tracked.forgetAll();
    expect(released).toBe(2);
    expect(tracked.ack([at(1), at(3)])).toEqual([]);
    expect(tracked.unacked).toBe(0);
  });
});
