import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WatermarkTracker } from '../../src/kafka/consumer/watermark.ts';

const at = (offset: number, partition = 0) => ({ topic: 't', partition, offset });

function tracker(...offsets: number[]): WatermarkTracker {
  const made = new WatermarkTracker();
  made.assign([{ topic: 't', partition: 0 }]);
  for (const offset of offsets) made.track(at(offset));
  return made;
}

describe('WatermarkTracker', () => {
  it('commits the offset behind the last record of an unbroken run of acknowledgements, in any order', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(10_000), { minLength: 1, maxLength: 300 }),
        fc.infiniteStream(fc.nat()),
        (numbers, random) => {
          const offsets = numbers.toSorted((a, b) => a - b);
          const tracked = tracker(...offsets);
          const order = [...offsets].map((offset) => ({ offset, at: random.next().value })).sort((a, b) => a.at - b.at);
          const acked = new Set<number>();
          let committed = -1;
          for (const { offset } of order) {
            tracked.ack([at(offset)]);
            acked.add(offset);
            committed = tracked.takeCommittable().at(-1)?.offset ?? committed;
            const firstMissing = offsets.findIndex((each) => !acked.has(each));
            const done = firstMissing < 0 ? offsets : offsets.slice(0, firstMissing);
            expect(committed).toBe(done.length === 0 ? -1 : (done.at(-1) ?? 0) + 1);
          }
          expect(tracked.unacked).toBe(0);
          expect(tracked.held).toBe(0);
        },
      ),
    );
  });

  it('counts a repeated acknowledgement once', () => {
    const tracked = tracker(0, 1);
    tracked.ack([at(1), at(1), at(7)]);
    expect(tracked.unacked).toBe(1);
    expect(tracked.takeCommittable()).toEqual([]);
    tracked.ack([at(0)]);
    expect(tracked.takeCommittable()).toEqual([at(2)]);
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
    expect(tracked.takeCommittable()).toEqual([at(1)]);
  });

  it('ignores acks of an earlier assignment, even for an offset that was emitted again', () => {
    const tracked = tracker();
    const assign = () => tracked.assign([{ topic: 't', partition: 0 }]);
    const before = tracked.track(at(0));
    assign();
    const now = tracked.track(at(0));
    expect(tracked.ack([{ ...at(0), ...(before && { assignment: before }) }])).toEqual([]);
    expect(tracked.takeCommittable()).toEqual([]);
    expect(tracked.ack([{ ...at(0), ...(now && { assignment: now }) }])).toHaveLength(1);
    expect(tracked.takeCommittable()).toEqual([at(1)]);
  });

  it('commits a start offset with its metadata, unless it is the committed one', () => {
    const tracked = new WatermarkTracker();
    tracked.assign([
      { topic: 't', partition: 0, offset: 7, isCommitted: false, metadata: 'm' },
      { topic: 't', partition: 1, offset: 9, isCommitted: true },
    ]);
    expect(tracked.takeCommittable()).toEqual([{ ...at(7), metadata: 'm' }]);
    expect(tracked.assigned()).toEqual([at(7), at(9, 1)]);
  });

  it('commits the position after offsets that are never delivered once every emitted record is acked', () => {
    const tracked = tracker(0, 1);
    tracked.ack([at(0)]);
    // Offsets 2 to 4 are transaction markers.
    tracked.reached([at(5)]);
    expect(tracked.takeCommittable()).toEqual([at(1)]);
    tracked.ack([at(1)]);
    expect(tracked.takeCommittable()).toEqual([at(5)]);
  });

  it('commits no position that the client still reports of an earlier assignment', () => {
    const tracked = tracker();
    tracked.assign([{ topic: 't', partition: 0, offset: 0 }]);
    tracked.ignorePositions([at(600)]);
    tracked.reached([at(600)]);
    expect(tracked.takeCommittable()).toEqual([]);
    // The client has reset it, and has consumed a marker since.
    tracked.reached([at(1)]);
    expect(tracked.takeCommittable()).toEqual([at(1)]);
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
    expect(tracked.takeCommittable()).toEqual([at(1)]);
  });

  it('keeps partitions apart', () => {
    const tracked = tracker(5);
    tracked.assign([{ topic: 't', partition: 1 }]);
    tracked.track(at(9, 1));
    tracked.ack([at(9, 1)]);
    expect(tracked.takeCommittable()).toEqual([at(10, 1)]);
    expect(tracked.unackedOf([{ topic: 't', partition: 0 }])).toBe(1);
  });

  it('holds no record after a hundred thousand acknowledgements', () => {
    const tracked = tracker();
    for (let offset = 0; offset < 100_000; offset++) {
      tracked.track(at(offset));
      tracked.ack([at(offset)]);
    }
    expect(tracked.held).toBe(0);
    expect(tracked.takeCommittable()).toEqual([at(100_000)]);
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
