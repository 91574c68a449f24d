import { describe, expect, it } from 'vitest';
import type { PartitionProgress } from '../../src/kafka/consumer/partition-offsets.ts';
import { createMetrics } from '../../src/ops/metrics.ts';

const INPUT = { label: '', path: 'root.input' };
const progress = (partition: number, rest: Partial<PartitionProgress>): PartitionProgress => ({
  topic: 't',
  partition,
  next: 7,
  inFlight: 0,
  waiting: 0,
  waitingBytes: 0,
  waitingFor: {},
  ...rest,
});

describe('the metrics of a partition', () => {
  it('are the age and the offset of its oldest record, and vanish with the partition', async () => {
    const metrics = createMetrics({ process: false });
    const input = metrics.input(INPUT);
    let assigned = [
      progress(0, { oldest: { offset: 3, timestamp: Date.now() - 90_000 }, waitingBytes: 500 }),
      progress(1, { oldest: { offset: 4 }, waitingBytes: 700 }),
      progress(2, {}),
    ];
    input.progress(() => assigned);
    const values = async (name: string) => (await metrics.series(name)).map(({ value }) => value);
    const [old, unknown, none] = await values('wado_lag_seconds');
    expect(old).toBeGreaterThanOrEqual(90);
    expect(old).toBeLessThan(150);
    expect([unknown, none]).toEqual([Number.NaN, 0]);
    expect(await values('wado_oldest_unacked_offset')).toEqual([3, 4, 7]);
    expect(await values('wado_records_waiting_bytes')).toEqual([1_200]);
    assigned = [progress(1, {})];
    expect((await metrics.series('wado_lag_seconds')).map(({ labels }) => labels.partition)).toEqual(['1']);
  });

  it('say which limit pauses the intake', async () => {
    const metrics = createMetrics({ process: false });
    const paused = async () =>
      (await metrics.series('wado_intake_paused')).filter(({ value }) => value === 1).map(({ labels }) => labels.limit);
    metrics.input(INPUT).paused(() => 'max_waiting');
    expect(await paused()).toEqual(['max_waiting']);
    // A second view of the same input, as the topology's restart makes one.
    metrics.input(INPUT).paused(() => undefined);
    expect(await paused()).toEqual([]);
    expect(await metrics.series('wado_intake_paused')).toHaveLength(2);
  });
});
