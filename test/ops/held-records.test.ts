import { describe, expect, it } from 'vitest';
import { KafkaOrigin, kafkaOrigin } from '../../src/kafka/consumer/origin.ts';
import type { PartitionProgress } from '../../src/kafka/consumer/partition-offsets.ts';
import { createMetrics } from '../../src/ops/metrics.ts';

const progress = (partition: number, rest: Partial<PartitionProgress>): PartitionProgress => ({
  topic: 't',
  partition,
  next: 100,
  inFlight: 0,
  waiting: 0,
  waitingBytes: 0,
  waitingFor: {},
  ...rest,
});
const origin = (partition: number, offset: number) => new KafkaOrigin({ topic: 't', partition, offset });

async function heldSeries(metrics: ReturnType<typeof createMetrics>) {
  const series = await metrics.series('wado_held');
  return Object.fromEntries(series.map(({ labels, value }) => [labels.reason, value]));
}

describe('the held records', () => {
  it('are counted by reason, each once however many sinks retry it, from 0 on', async () => {
    const metrics = createMetrics({ process: false });
    const none = { file_wait: 0, storage_outage: 0, sink_retry: 0, dead_letter_retry: 0 };
    expect(await heldSeries(metrics)).toEqual(none);
    metrics.held.source({
      placeOf: kafkaOrigin,
      progress: () => [
        progress(0, { waitingFor: { file_wait: 3, storage_outage: 2 } }),
        progress(1, { waitingFor: { storage_outage: 5 } }),
      ],
    });
    const origins = [origin(0, 1), origin(0, 2)];
    const calls = [
      { reason: 'sink_retry', origins },
      { reason: 'sink_retry', origins },
      { reason: 'dead_letter_retry', origins: [origin(1, 1)] },
    ] as const;
    for (const call of calls) metrics.held.retried(call, true);
    expect(await heldSeries(metrics)).toEqual({
      file_wait: 3,
      storage_outage: 7,
      sink_retry: 2,
      dead_letter_retry: 1,
    });
    metrics.held.retried(calls[0], false);
    expect(metrics.held.counts().sink_retry).toBe(2);
    metrics.held.retried(calls[1], false);
    expect(metrics.held.counts().sink_retry).toBe(0);
  });

  it('say for each partition what its oldest record waits for', () => {
    const metrics = createMetrics({ process: false });
    metrics.held.source({
      placeOf: kafkaOrigin,
      progress: () => [
        progress(0, { oldest: { offset: 7, timestamp: Date.now() - 60_000, waitsFor: 'file_wait' }, waiting: 1 }),
        progress(1, { oldest: { offset: 8 }, inFlight: 2 }),
        progress(2, { oldest: { offset: 9 }, inFlight: 1 }),
        progress(3, {}),
      ],
    });
    // Offset 8 of partition 2, not 9, is retried: its oldest record is processed.
    metrics.held.retried({ reason: 'sink_retry', origins: [origin(1, 8), origin(2, 8)] }, true);
    const found = metrics.held.partitions();
    expect(found.map(({ partition, oldestUnacked, waitsFor }) => [partition, oldestUnacked, waitsFor])).toEqual([
      [0, 7, 'file_wait'],
      [1, 8, 'sink_retry'],
      [2, 9, undefined],
      [3, undefined, undefined],
    ]);
    expect(found[0]?.oldestAgeSeconds).toBeGreaterThanOrEqual(60);
    expect(found.map(({ inFlight, waiting }) => [inFlight, waiting])).toEqual([
      [0, 1],
      [2, 0],
      [1, 0],
      [0, 0],
    ]);
  });
});
