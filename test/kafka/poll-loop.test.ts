import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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

/** Unlike `expect.poll`, doesn't advance a fake clock. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A loop whose records all are in flight, and the numbers of records that it polls for afterwards. */
function fullLoop(checkpointLimit: number) {
  const tracker = new WatermarkTracker();
  tracker.assign(PARTITIONS.slice(0, 1).map((each) => ({ ...each, offset: 0 })));
  const polled: number[] = [];
  let wanted = true;
  let next = 0;
  const client = {
    assignments: () => PARTITIONS.slice(0, 1),
    position: () => [],
    consume(count: number, done: (error: unknown, messages: readonly NativeMessage[]) => void) {
      polled.push(count);
      const message = () => ({
        topic: 't',
        partition: 0,
        offset: next++,
        key: null,
        value: Buffer.from('{}'),
        size: 2,
      });
      setTimeout(() => done(null, Array.from({ length: count }, message) as unknown as NativeMessage[]), 1);
    },
  };
  const intake = new Intake(tracker, { checkpointLimit });
  const loop = new PollLoop({
    tracker,
    intake,
    events: {},
    wanted: () => wanted,
    assignments: () => 1,
    emit: () => undefined,
  });
  const running = loop.run(client as unknown as NativeConsumer);
  let acked = 0;
  return {
    polled,
    full: async () => {
      await until(() => intake.room === 0);
      polled.splice(0);
    },
    ack: (count: number) =>
      tracker.ack(Array.from({ length: count }, () => ({ topic: 't', partition: 0, offset: acked++ }))),
    async end() {
      wanted = false;
      tracker.wake();
      await running;
    },
  };
}

describe('room for a few records', () => {
  // The loop looks at this clock; its sleep uses the real one.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('is not polled for while more of it comes', async () => {
    const loop = fullLoop(400);
    await loop.full();
    for (const count of [3, 1, 45]) {
      loop.ack(count);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(loop.polled).toEqual([]);
    loop.ack(1);
    await until(() => loop.polled.length > 0);
    expect(loop.polled).toEqual([50]);
    await loop.end();
  });

  it('is polled for when no more of it comes', async () => {
    const loop = fullLoop(400);
    await loop.full();
    loop.ack(3);
    await new Promise((resolve) => setTimeout(resolve, 30));
    vi.advanceTimersByTime(10);
    await until(() => loop.polled.length > 0);
    expect(loop.polled).toEqual([3]);
    await loop.end();
  });

  it('is polled for at once with a low limit', async () => {
    const loop = fullLoop(7);
    await loop.full();
    loop.ack(1);
    await until(() => loop.polled.length > 0);
    expect(loop.polled).toEqual([1]);
    await loop.end();
  });
});
