import { describe, expect, it } from 'vitest';
import type { Logger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { throttlingLog } from '../../src/ops/throttling.ts';

describe('throttling by the brokers', () => {
  it('is a metric with the greatest recent delay, 0 without throttling', async () => {
    const metrics = createMetrics({ process: false });
    const value = async () => (await metrics.series('wado_producer_throttle_ms')).map((series) => series.value);
    expect(await value()).toEqual([0]);
    metrics.throttling.throttled(900);
    metrics.throttling.throttled(20);
    expect(await value()).toEqual([900]);
  });

  it('is logged once, however often a broker asks for it within half a minute', () => {
    const lines: unknown[] = [];
    const logger = { warn: (fields: object, text: string) => lines.push({ ...fields, text }) } as unknown as Logger;
    const log = throttlingLog(logger);
    for (const milliseconds of [12.4, 800, 900]) log(milliseconds);
    expect(lines).toEqual([{ throttle_ms: 12, text: 'Kafka throttles the producer because of a quota' }]);
  });
});
