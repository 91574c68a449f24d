import { describe, expect, it } from 'vitest';
import { StorageSpeed } from '../../src/dicom/files/storage-speed.ts';

function record(speed: StorageSpeed, milliseconds: number, files: number): void {
  for (let file = 0; file < files; file++) speed.record(milliseconds);
}

describe('storage', () => {
  it('is taken for fast, also while the code is still cold', () => {
    const speed = new StorageSpeed();
    record(speed, 1, 10);
    record(speed, 0.03, 100);
    expect(speed.slow).toBe(false);
  });

  it('is slow after a few slow files, not after one', () => {
    const speed = new StorageSpeed();
    record(speed, 0.03, 50);
    speed.record(20);
    expect(speed.slow).toBe(false);
    record(speed, 20, 10);
    expect(speed.slow).toBe(true);
  });

  it('is slow within its first files if they take many milliseconds', () => {
    const speed = new StorageSpeed();
    record(speed, 20, 4);
    expect(speed.slow).toBe(true);
  });

  it('is looked at again now and then while it is slow, and can become fast', () => {
    const speed = new StorageSpeed();
    record(speed, 20, 20);
    const probes = Array.from({ length: 16 }, () => speed.startBatch());
    expect(probes.filter((files) => files > 0)).toHaveLength(2);
    record(speed, 0.05, 3);
    expect(speed.slow).toBe(false);
    expect(speed.startBatch()).toBe(0);
  });
});
