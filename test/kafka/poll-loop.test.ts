import { describe, expect, it } from 'vitest';
import type { NativeConsumer, NativeMessage, Partition } from '../../src/kafka/client/types.ts';
import { Intake } from '../../src/kafka/consumer/intake.ts';
import { PollLoop } from '../../src/kafka/consumer/poll-loop.ts';
import { WatermarkTracker } from '../../src/kafka/consumer/watermark.ts';

const PARTITIONS = [0, 1].map((partition) => ({ topic: 't', partition }));
const POLL_MS = 5;

/** A client that delivers records of the first partition that isn't paused. */
function clientOf(paused: Set<number>, next: number[]): NativeConsumer {
  const each = (use: (partition: number) => void) => (partitions: readonly Partition[]) => {
    for (const { partition } of partitions) use(partition);
  };
  const client = {
    assignments: () => PARTITIONS,
    pause: each((partition) => paused.add(partition)),
    resume: each((partition) => paused.delete(partition)),
    position: () => [],
    consume: (_: number, done: (error: unknown, messages: readonly NativeMessage[]) => void) => {
      const partition = next.findIndex((_, at) => !paused.has(at));
      const offset = next[partition] ?? 0;
      next[partition] = offset + 1;
      const message = { topic: 't', partition, offset, key: null, value: Buffer.from('{}'), size: 2 };
      setTimeout(() => done(null, [message as unknown as NativeMessage]), POLL_MS);
    },
  };
  return client as unknown as NativeConsumer;
}

describe('a partition that is paused for the turn of another one', () => {
  it('is not polled, so that it does not count as stalled', async () => {
    const tracker = new WatermarkTracker();
    tracker.assign(PARTITIONS.map((partition) => ({ ...partition, offset: 0 })));
    let wanted = true;
    const next = [0, 0];
    const loop = new PollLoop({
      tracker,
      intake: new Intake(tracker, { checkpointLimit: 1e6 }),
      events: {},
      wanted: () => wanted,
      assignments: () => 1,
      emit: () => undefined,
    });
    loop.readable(new Map(PARTITIONS.map(({ partition }) => [`t/${partition}`, 1e9])));
    const running = loop.run(clientOf(new Set(), next));
    expect(PARTITIONS.map((each) => loop.polls(each))).toEqual([true, true]);
    await expect.poll(() => next[1], { timeout: 10_000 }).toBeGreaterThan(0);
    expect(PARTITIONS.map((each) => loop.polls(each))).toEqual([false, true]);
    wanted = false;
    await running;
  });
});
