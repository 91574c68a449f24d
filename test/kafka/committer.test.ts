import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Committer } from '../../src/kafka/consumer/committer.ts';
import { WatermarkTracker } from '../../src/kafka/consumer/watermark.ts';

const PERIOD_MS = 1_000;
const PARTITION = { topic: 't', partition: 0 };
const REFUSED = new Error('refused');

/** A tracker with a committer. The test answers in the broker's place: `asked` has the commits, `told` the committer's events. */
function setUp({ send }: { send?: () => void } = {}) {
  const tracker = new WatermarkTracker();
  tracker.assign([PARTITION]);
  const asked: number[] = [];
  const told: string[] = [];
  const committer = new Committer({
    periodMs: PERIOD_MS,
    takeCommittable: () => tracker.takeCommittable(),
    restore: (offsets) => tracker.restore(offsets),
    send: (offsets) => {
      asked.push(...offsets.map((each) => each.offset));
      send?.();
    },
    committed: (offsets) => told.push(`committed ${offsets.map((each) => each.offset)}`),
    failed: () => told.push('failed'),
    unanswered: () => told.push('unanswered'),
  });
  committer.start();
  let next = 0;
  const ack = (records = 1) => {
    for (let i = 0; i < records; i++) {
      tracker.track({ ...PARTITION, offset: next });
      tracker.ack([{ ...PARTITION, offset: next++ }]);
    }
  };
  return { tracker, committer, asked, told, ack };
}

describe('the committer', () => {
  beforeEach(
    () =>
      void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] }),
  );
  afterEach(() => void vi.useRealTimers());

  it('commits every period what was acknowledged since, and nothing otherwise', async () => {
    const { committer, asked, told, ack } = setUp();
    ack(3);
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    committer.answered(undefined);
    await vi.advanceTimersByTimeAsync(3 * PERIOD_MS);
    ack();
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    expect(asked).toEqual([3, 4]);
    expect(told).toEqual(['committed 3']);
  });

  it('sends no newer commit while an answer is awaited, however long that takes', async () => {
    const { committer, asked, ack } = setUp();
    ack();
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    ack();
    await vi.advanceTimersByTimeAsync(30 * PERIOD_MS);
    expect(asked).toEqual([1]);
    committer.answered(undefined);
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    expect(asked).toEqual([1, 2]);
  });

  it.each([
    ['the broker refused', false],
    ['could not even be sent', true],
  ])('repeats a commit that %s, or sends a newer one', async (_, throws) => {
    let broken = true;
    const send = () => {
      if (throws && broken) throw REFUSED;
    };
    const { committer, asked, told, ack } = setUp({ send });
    ack();
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    if (!throws) committer.answered(REFUSED);
    broken = false;
    ack();
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    committer.answered(undefined);
    expect(asked).toEqual([1, 2]);
    expect(told).toEqual(['failed', 'committed 2']);
  });

  it('reports an answer that never arrives', async () => {
    const { told, ack } = setUp();
    ack();
    await vi.advanceTimersByTimeAsync(4 * 60_000);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    expect(told).toContain('unanswered');
  });

  it('commits to a new client after the old one was abandoned with a commit in flight', async () => {
    const { committer, asked, ack } = setUp();
    ack();
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    committer.abandon();
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    expect(asked).toEqual([1, 1]);
  });

  it('flushes what is acknowledged, behind a commit that is under way', async () => {
    const { committer, asked, ack } = setUp();
    ack();
    await vi.advanceTimersByTimeAsync(PERIOD_MS);
    ack();
    const flushed = committer.flush(5_000);
    expect(asked).toEqual([1]);
    committer.answered(undefined);
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toEqual([1, 2]);
    committer.answered(undefined);
    expect(await flushed).toBe(true);
  });

  it('repeats a refused flush until its timeout', async () => {
    const { committer, asked, ack } = setUp();
    committer.stop();
    ack();
    const flushed = committer.flush(1_000);
    committer.answered(REFUSED);
    await vi.advanceTimersByTimeAsync(200);
    expect(asked).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await flushed).toBe(false);
  });

  it('never sends an offset below one that it has sent', () => {
    const step = fc.constantFrom('ack', 'tick', 'answer', 'refuse', 'flush');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { committer, asked, ack } = setUp();
        let answers = 0;
        for (const each of steps) {
          if (each === 'ack') ack();
          if (each === 'tick') vi.advanceTimersByTime(PERIOD_MS);
          if (each === 'flush') void committer.flush(500);
          if (each === 'answer' || each === 'refuse') {
            committer.answered(each === 'answer' ? undefined : REFUSED);
            if (asked.length > answers) answers++;
          }
          // One under way at most.
          expect(asked.length).toBeLessThanOrEqual(answers + 1);
        }
        committer.stop();
        expect(asked).toEqual(asked.toSorted((a, b) => a - b));
      }),
    );
  });
});
