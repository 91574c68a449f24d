import { describe, expect, it } from 'vitest';
import { readsThatFit, rootChecksThatFit } from '../../src/config/environment.ts';

describe('the files that are read at the same time', () => {
  const reads = (wanted: number, size?: string) =>
    readsThatFit(wanted, size === undefined ? {} : { UV_THREADPOOL_SIZE: size });

  it('are as many as configured, if enough threads are left for Kafka and name lookups', () => {
    expect([reads(128, '160'), reads(144, '160'), reads(145, '160'), reads(500, '160')]).toEqual([128, 144, 144, 144]);
  });

  it('are half of a small pool, and at least one', () => {
    expect([reads(128, '16'), reads(128, '4'), reads(128, '1'), reads(128)]).toEqual([8, 2, 1, 2]);
  });

  it('follow libuv’s default when the variable is no number', () => {
    expect([reads(128, ''), reads(128, 'many'), reads(128, '-5')]).toEqual([2, 2, 2]);
  });
});

describe('the checks of storage roots that may be pending', () => {
  it('are eight in the pool of the command, and two in a small one', () => {
    const checks = (size?: string) => rootChecksThatFit(size === undefined ? {} : { UV_THREADPOOL_SIZE: size });
    expect([checks('160'), checks('32'), checks('31'), checks()]).toEqual([8, 8, 2, 2]);
  });
});
