import os from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PoolGrowth } from '../../src/dicom/files/pool-growth.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Lets batches wait for the given time; with `progress`, batches are finished from fast storage meanwhile. Returns when another thread was due. */
function dueWhile(growth: PoolGrowth, milliseconds: number, { progress }: { readonly progress: boolean }): number[] {
  const due: number[] = [];
  for (let passed = 0; passed <= milliseconds; passed += 100) {
    if (growth.isDue()) due.push(passed);
    if (progress) growth.finishedFast();
    vi.advanceTimersByTime(100);
  }
  return due;
}

const withFree = (free: number) => new PoolGrowth({ afterMs: 1_000, watchProcessors: () => () => free });

describe('PoolGrowth', () => {
  it('asks for a thread each time batches have waited long enough, if a CPU is idle', () => {
    expect(dueWhile(withFree(0.5), 2_500, { progress: true })).toEqual([1_000, 2_000]);
  });

  it('asks for none while the CPUs are the bottleneck', () => {
    expect(dueWhile(withFree(0.4), 10_000, { progress: true })).toEqual([]);
  });

  it('asks for one however busy the CPUs are if no batch is finished from fast storage: the threads wait or are blocked', () => {
    expect(dueWhile(withFree(0), 1_500, { progress: false })).toEqual([1_000]);
  });

  it('starts counting again after a pause in the waiting', () => {
    const growth = withFree(1);
    expect(dueWhile(growth, 800, { progress: true })).toEqual([]);
    growth.enough();
    expect(dueWhile(growth, 900, { progress: true })).toEqual([]);
  });

  it('measures the CPUs during the second half of the waiting time', () => {
    const looks: number[] = [];
    const growth = new PoolGrowth({
      afterMs: 1_000,
      watchProcessors: () => {
        const start = performance.now();
        return () => looks.push(performance.now() - start);
      },
    });
    dueWhile(growth, 2_000, { progress: true });
    expect(looks).toEqual([500, 500]);
  });

  it.each([
    [3.5, [1_000]],
    [3.6, []],
  ])('counts %d of four CPUs as busy, whatever keeps them busy', (busy, expected) => {
    const each = () => (performance.now() * busy) / 4 / 4;
    const processor = () => ({
      model: '',
      speed: 0,
      times: { user: each(), nice: each(), sys: each(), irq: each(), idle: 7 },
    });
    vi.spyOn(os, 'cpus').mockImplementation(() => Array.from({ length: 4 }, processor));
    expect(dueWhile(new PoolGrowth({ afterMs: 1_000 }), 1_000, { progress: true })).toEqual(expected);
  });
});
