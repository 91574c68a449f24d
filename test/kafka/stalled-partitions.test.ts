import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { STALL_AFTER_MS, StalledPartitions } from '../../src/kafka/consumer/stalled-partitions.ts';
import type { FetchState } from '../../src/kafka/consumer/statistics.ts';

const PERIOD_MS = 5_000;
const NAME = 't/0';
const IDLE: FetchState = { requests: 3, isPending: false };

interface Facts {
  readonly offset: number;
  readonly end: number | undefined;
  readonly polls: boolean;
  readonly fetches: FetchState | undefined;
}

/** One partition, checked every period. `facts` are called with the milliseconds since the start. */
function setUp() {
  const stalled = new StalledPartitions();
  let elapsed = 0;
  const check = ({ offset, end, polls, fetches }: Facts) =>
    stalled.check({
      positions: [{ topic: 't', partition: 0, offset }],
      ends: end === undefined ? new Map() : new Map([[NAME, end]]),
      polls: () => polls,
      fetches: () => fetches,
    });
  const run = (forMs: number, facts: (elapsedMs: number) => Partial<Facts> = () => ({})) => {
    const attempts: { attempt: number; at: number }[] = [];
    for (const until = elapsed + forMs; elapsed < until; elapsed += PERIOD_MS) {
      const found = check({ offset: 5, end: 9, polls: true, fetches: IDLE, ...facts(elapsed) });
      attempts.push(...found.map(({ attempt }) => ({ attempt, at: elapsed })));
      vi.advanceTimersByTime(PERIOD_MS);
    }
    return attempts;
  };
  return { stalled, run };
}

const HOUR_MS = 60 * 60_000;

describe('a stalled partition', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('is found when its records have not been read for 20 s, and named until it is read', () => {
    const { stalled, run } = setUp();
    expect(run(STALL_AFTER_MS)).toEqual([]);
    expect(stalled.names).toEqual([]);
    expect(run(PERIOD_MS)).toEqual([{ attempt: 1, at: STALL_AFTER_MS }]);
    expect(stalled.names).toEqual([NAME]);
    run(PERIOD_MS, () => ({ offset: 6 }));
    expect(stalled.names).toEqual([]);
  });

  it('is found without a broker to fetch from', () => {
    const { run } = setUp();
    expect(run(STALL_AFTER_MS + PERIOD_MS, () => ({ fetches: undefined }))).toHaveLength(1);
  });

  it('is found while fetches of its broker return, but nothing of it', () => {
    const { run } = setUp();
    const found = run(STALL_AFTER_MS + PERIOD_MS, (at) => ({ fetches: { requests: at / 1_000, isPending: true } }));
    expect(found).toHaveLength(1);
  });

  it('is recovered again after 20 s, then each time after twice the time, up to 10 minutes', () => {
    const { run } = setUp();
    const times = run(HOUR_MS).map(({ at }) => at / 1_000);
    expect(times.slice(0, 7)).toEqual([20, 40, 80, 160, 320, 640, 1_240]);
  });

  it('keeps its number of attempts when a recovery starts below its position', () => {
    const { run } = setUp();
    run(STALL_AFTER_MS + PERIOD_MS);
    expect(run(2 * STALL_AFTER_MS, () => ({ offset: 2 })).map(({ attempt }) => attempt)).toEqual([2]);
  });

  it('keeps its number of attempts while it is not assigned', () => {
    const { stalled, run } = setUp();
    run(STALL_AFTER_MS + PERIOD_MS);
    stalled.check({ positions: [], ends: new Map(), polls: () => true, fetches: () => undefined });
    expect(stalled.names).toEqual([]);
    expect(run(STALL_AFTER_MS + PERIOD_MS).map(({ attempt }) => attempt)).toEqual([2]);
  });

  it.each<[string, (elapsedMs: number) => Partial<Facts>]>([
    ['has no records', () => ({ offset: 9 })],
    ['has a position behind control records or aborted records', () => ({ offset: 12, end: 12 })],
    ['waits for an open transaction, whose first record is the end', () => ({ offset: 5, end: 5 })],
    ['belongs to a source without room for records', () => ({ polls: false })],
    ['is read, however slowly', (at) => ({ offset: Math.floor(at / 15_000), end: 1_000_000 })],
    ['has a fetch in progress', () => ({ fetches: { requests: 4, isPending: true } })],
    ['has a log end that the brokers do not answer', () => ({ end: undefined })],
    ['has no known position', () => ({ offset: -1 })],
  ])('is not one that %s', (_, facts) => {
    const { stalled, run } = setUp();
    expect(run(HOUR_MS, facts)).toEqual([]);
    expect(stalled.names).toEqual([]);
  });

  it('is not one whose sink has been up for less than 20 s', () => {
    const { run } = setUp();
    run(HOUR_MS, () => ({ polls: false }));
    expect(run(STALL_AFTER_MS - PERIOD_MS)).toEqual([]);
  });

  it('is not one whose brokers have answered for less than 20 s', () => {
    const { run } = setUp();
    run(HOUR_MS, () => ({ end: undefined }));
    expect(run(STALL_AFTER_MS - PERIOD_MS)).toEqual([]);
  });
});
