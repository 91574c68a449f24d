import { describe, expect, it } from 'vitest';
import { Intake } from '../../src/kafka/consumer/intake.ts';
import { WatermarkTracker } from '../../src/kafka/consumer/watermark.ts';

const at = (offset: number) => ({ topic: 't', partition: 0, offset });
const PARTITION = [{ topic: 't', partition: 0 }];

function setUp(limits: { inFlight: number; records?: number; bytes?: number }) {
  const tracker = new WatermarkTracker();
  tracker.assign(PARTITION);
  const pauses: (string | undefined)[] = [];
  const { inFlight, records = 1_000, bytes = 1_000_000 } = limits;
  const intake = new Intake(tracker, { checkpointLimit: inFlight, waitingLimits: { records, bytes } }, (pause) =>
    pauses.push(pause),
  );
  let next = 0;
  const emit = (count: number) =>
    Array.from({ length: count }, () => {
      tracker.track(at(next));
      return at(next++);
    });
  const wait = (offsets: readonly { offset: number }[], each = 100) =>
    tracker.waits(offsets.map(({ offset }) => ({ ...at(offset), bytes: each, reason: 'file_wait' as const })));
  return { tracker, intake, pauses, emit, wait };
}

describe('the room for records', () => {
  it('is not taken up by records that wait, and is again when they no longer wait', () => {
    const { tracker, intake, emit, wait } = setUp({ inFlight: 10 });
    const records = emit(10);
    expect(intake.room).toBe(0);
    wait(records.slice(0, 4));
    expect(intake.room).toBe(4);
    tracker.resumes(records.slice(0, 1));
    expect(intake.room).toBe(3);
    // Acknowledged while it waits: counted once.
    tracker.ack(records.slice(1, 2));
    expect(intake.room).toBe(3);
    tracker.ack(records);
    expect(intake.room).toBe(10);
    expect([tracker.waiting, tracker.waitingBytes, tracker.inFlight]).toEqual([0, 0, 0]);
  });

  it.each([
    ['number', { records: 20 }, 'max_waiting'],
    ['size', { bytes: 2_000 }, 'max_waiting_bytes'],
  ] as const)(
    'ends at the %s of waiting records, and exists again when a tenth of them no longer waits',
    (_, limit, name) => {
      const { tracker, intake, pauses, emit, wait } = setUp({ inFlight: 10, ...limit });
      const records = emit(20);
      wait(records.slice(0, 19));
      expect(intake.room).toBe(9);
      expect(pauses).toEqual([]);
      wait(records);
      expect(intake.room).toBe(0);
      expect(pauses).toEqual([name]);
      tracker.ack(records.slice(0, 2));
      expect(intake.room).toBe(0);
      tracker.ack(records.slice(2, 3));
      expect(intake.room).toBe(10);
      expect(pauses).toEqual([name, undefined]);
    },
  );

  it('is paused until the waiting records are released, as they are at a restart, whether or not it is polled', () => {
    const { tracker, intake, pauses, emit, wait } = setUp({ inFlight: 10, records: 5 });
    wait(emit(5));
    expect([intake.room, intake.pause]).toEqual([0, 'max_waiting']);
    tracker.forgetAll();
    expect(intake.pause).toBeUndefined();
    expect(pauses).toEqual(['max_waiting']);
  });

  it('does not count the waiting records of a revoked partition or an earlier assignment', () => {
    const { tracker, intake, emit, wait } = setUp({ inFlight: 10, records: 5 });
    wait(emit(5));
    tracker.forget(PARTITION);
    expect(tracker.waiting).toBe(0);
    tracker.assign(PARTITION);
    const assignment = {};
    tracker.waits([{ ...at(1), assignment, bytes: 1, reason: 'file_wait' }]);
    wait([at(77)]);
    expect(tracker.waiting).toBe(0);
    expect(intake.room).toBe(10);
  });
});

describe('the progress of a partition', () => {
  it('is its oldest record that is not acknowledged, with its time and what it waits for', () => {
    const { tracker, wait } = setUp({ inFlight: 10 });
    for (const offset of [3, 4, 5]) tracker.track({ ...at(offset), timestamp: 1_000 * offset });
    tracker.track(at(6));
    expect(tracker.progress()).toMatchObject([
      { oldest: { offset: 3, timestamp: 3_000 }, next: 7, inFlight: 4, waiting: 0 },
    ]);
    wait([at(4)]);
    tracker.ack([at(3)]);
    expect(tracker.progress()[0]?.waitingFor).toEqual({ file_wait: 1 });
    expect(tracker.progress()[0]?.oldest).toEqual({ offset: 4, timestamp: 4_000, waitsFor: 'file_wait' });
    tracker.ack([at(4), at(5)]);
    expect(tracker.progress()[0]?.oldest).toEqual({ offset: 6 });
    tracker.ack([at(6)]);
    expect(tracker.progress()[0]?.oldest).toBeUndefined();
  });

  it('is that of the oldest record after thousands of others were acknowledged', () => {
    const { tracker } = setUp({ inFlight: 10 });
    for (let offset = 0; offset < 20_000; offset++) tracker.track({ ...at(offset), timestamp: offset });
    tracker.ack(Array.from({ length: 19_999 }, (_, i) => at(i < 12_345 ? i : i + 1)));
    expect(tracker.progress()[0]?.oldest).toEqual({ offset: 12_345, timestamp: 12_345 });
  });
});
