import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createLatencySummary } from '../../src/ops/latency-summaries.ts';

const LABELS = { label: 'postgres', path: 'root.output' };
const SECONDS = 1_000;

describe('a latency summary', () => {
  function setUp() {
    let now = 0;
    const registry = new Registry();
    const series = createLatencySummary({ registry, name: 'x_ns', help: 'x' }, () => now);
    const lines = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('x_ns'));
    return {
      record: series(LABELS),
      lines,
      pass: (ms: number) => {
        now += ms;
      },
      quantiles: async () =>
        (await lines()).flatMap((line) => (line.includes('quantile=') ? Number(line.split(' ').at(-1)) : [])),
    };
  }

  it('has no series before its first value', async () => {
    const { record, lines } = setUp();
    expect(await lines()).toEqual([]);
    record(1);
    expect(await lines()).toHaveLength(5);
  });

  it('has quantiles within two thousandths of the values at their ranks, and the exact sum and count', async () => {
    const latency = fc.double({ min: 0.001, max: 600_000, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.array(latency, { minLength: 1, maxLength: 200 }), async (values) => {
        const { record, lines, quantiles } = setUp();
        for (const value of values) record(value);
        const sorted = values.toSorted((a, b) => a - b);
        for (const [at, quantile] of [0.5, 0.9, 0.99].entries()) {
          const actual = (await quantiles())[at] ?? 0;
          const rank = quantile * sorted.length;
          const lower = (sorted[Math.max(0, Math.floor(rank) - 1)] ?? 0) * 1e6;
          const upper = (sorted[Math.ceil(rank) - 1] ?? 0) * 1e6;
          expect(actual).toBeGreaterThanOrEqual(lower * 0.998 - 1);
          expect(actual).toBeLessThanOrEqual(upper * 1.002 + 1);
        }
        const [sum = '', count] = (await lines()).slice(-2);
        expect(Number(sum.split(' ').at(-1)) / 1e6).toBeCloseTo(
          values.reduce((a, b) => a + b, 0),
          3,
        );
        expect(count).toBe(`x_ns_count{label="postgres",path="root.output"} ${values.length}`);
      }),
      { numRuns: 50 },
    );
  });

  it('forgets a value in its quantiles after 30 to 60 seconds, but not in sum and count', async () => {
    const { record, pass, quantiles, lines } = setUp();
    record(5_000);
    pass(29 * SECONDS);
    record(1);
    pass(29 * SECONDS);
    expect((await quantiles()).at(-1)).toBeGreaterThan(4_900e6);
    pass(2 * SECONDS);
    record(2);
    expect((await quantiles()).at(-1)).toBeLessThan(3e6);
    pass(600 * SECONDS);
    expect(await quantiles()).toEqual([0, 0, 0]);
    expect((await lines()).at(-1)).toMatch(/^x_ns_count.* 3$/);
  });

  it('counts a latency of no time and one of days in the quantiles as a nanosecond and an hour', async () => {
    const { record, quantiles } = setUp();
    record(0);
    expect(await quantiles()).toEqual([1, 1, 1]);
    record(100_000 * SECONDS);
    record(100_000 * SECONDS);
    expect(((await quantiles()).at(-1) ?? 0) / 3_600e9).toBeCloseTo(1, 2);
  });
});
