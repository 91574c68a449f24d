import { beforeEach, describe, expect, it } from 'vitest';
import { StorageSpeed } from '../../src/dicom/files/storage-speed.ts';

let now: number;
let speed: StorageSpeed;

beforeEach(() => {
  now = 0;
  speed = new StorageSpeed(() => now);
});

/** Reads `files` in place, as far as that is wanted. */
function record(milliseconds: number, files: number): void {
  for (let file = 0; file < files; file++) speed.record(milliseconds);
}

/** The number of files that are read in place within `duration` milliseconds, when one is started each millisecond. */
function probesWithin(duration: number, milliseconds: number): number {
  let probes = 0;
  for (const end = now + duration; now < end; now++) {
    if (!speed.readsInPlace()) continue;
    probes++;
    speed.record(milliseconds);
  }
  return probes;
}

describe('storage', () => {
  it('counts as fast, also while the code is not compiled yet', () => {
    record(1, 10);
    record(0.03, 100);
    expect(speed.slow).toBe(false);
  });

  it('counts as slow after a few slow files, not after one', () => {
    record(0.03, 50);
    speed.record(20);
    expect(speed.slow).toBe(false);
    record(20, 10);
    expect(speed.slow).toBe(true);
  });

  it('counts as slow after a single file that takes very long, for up to a minute, unless the process is starting', () => {
    record(0.03, 50);
    speed.record(3_000);
    expect(speed.slow).toBe(false);
    record(0.03, 500);
    speed.record(3_000);
    expect([speed.slow, speed.width(128)]).toEqual([true, 128]);
    now += 59_999;
    expect(speed.readsInPlace()).toBe(false);
    now += 1;
    expect(speed.readsInPlace()).toBe(true);
  });

  it('counts as slow when every tenth file takes long, and as fast when every hundredth takes less than a busy CPU', () => {
    for (let file = 0; file < 1_000; file++) speed.record(file % 100 === 7 ? 15 : 0.03);
    speed.record(150);
    expect(speed.slow).toBe(false);
    for (let file = 0; file < 40; file++) if (!speed.slow) speed.record(file % 10 === 7 ? 50 : 0.03);
    expect(speed.slow).toBe(true);
  });

  it('counts as slow within the first files if each takes many milliseconds', () => {
    record(20, 4);
    expect(speed.slow).toBe(true);
  });

  it('counts as slow when looking for missing files takes long, not as fast when it takes little', () => {
    for (let file = 0; file < 4; file++) speed.recordFailure(5);
    expect(speed.slow).toBe(true);
    for (let file = 0; file < 100; file++) speed.recordFailure(0.01);
    expect(speed.slow).toBe(true);
  });

  it('is measured again while slow for about one hundredth of the time, at least every 5 s', () => {
    record(20, 20);
    expect(speed.readsInPlace()).toBe(false);
    // The first one 2 s after the last file.
    expect(probesWithin(100_000, 20)).toBe(49);
    now += 5_000;
    expect(probesWithin(100_000, 200)).toBe(20);
  });

  it('is measured again for about one hundredth of the time when the files that measure it are missing', () => {
    record(20, 20);
    now += 5_000;
    expect(speed.readsInPlace()).toBe(true);
    expect(speed.readsInPlace()).toBe(false);
    speed.recordFailure(0.2);
    now += 19;
    expect(speed.readsInPlace()).toBe(false);
    now += 1;
    expect(speed.readsInPlace()).toBe(true);
  });

  it('becomes fast soon after slow files at the start, although its code is not compiled yet', () => {
    record(20, 4);
    now += 2_000;
    expect(probesWithin(200, 0.4)).toBeGreaterThan(100);
    expect(speed.slow).toBe(false);
  });

  it('becomes fast when two of three measured files are fast', () => {
    record(20, 20);
    record(0.05, 1);
    expect(speed.slow).toBe(true);
    record(0.05, 1);
    expect(speed.slow).toBe(false);
    expect(speed.readsInPlace()).toBe(true);
  });
});

describe('the number of files in flight', () => {
  const widthAt = (milliseconds: number, most = 1_000) => {
    speed = new StorageSpeed(() => now);
    record(milliseconds, 20);
    return speed.width(most);
  };

  it('is zero on fast storage', () => {
    expect(widthAt(0.05)).toBe(0);
  });

  it('grows with the time that a file takes, from 32 on', () => {
    expect([1, 5, 15, 60].map((milliseconds) => widthAt(milliseconds))).toEqual([32, 50, 150, 600]);
  });

  it('follows the storage when it becomes slower or faster', () => {
    expect(widthAt(5)).toBe(50);
    record(50, 3);
    expect(speed.width(1_000)).toBe(500);
    record(5, 3);
    expect(speed.width(1_000)).toBe(50);
  });

  it('never exceeds its bound, and is at least one', () => {
    expect([widthAt(50, 128), widthAt(1, 8), widthAt(50, 0)]).toEqual([128, 8, 1]);
  });
});
