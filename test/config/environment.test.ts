import { describe, expect, it } from 'vitest';
import { readsThatFit } from '../../src/config/environment.ts';

describe('the files that are read at the same time', () => {
  const fit = (wanted: number, size?: string) =>
    readsThatFit(wanted, size === undefined ? {} : { UV_THREADPOOL_SIZE: size });

  it('are as many as configured, if enough threads are left for Kafka and name lookups', () => {
    expect([fit(128, '160'), fit(144, '160'), fit(145, '160'), fit(500, '160')]).toEqual([128, 144, 144, 144]);
  });

  it('are half of a small pool, and at least one', () => {
    expect([fit(128, '16'), fit(128, '4'), fit(128, '1'), fit(128)]).toEqual([8, 2, 1, 2]);
  });

  it('follow libuv’s default when the variable is no number', () => {
    expect([fit(128, ''), fit(128, 'many'), fit(128, '-5')]).toEqual([2, 2, 2]);
  });
});
