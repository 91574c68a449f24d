import { describe, expect, it } from 'vitest';
import { StorageSpeed } from '../../src/dicom/files/storage-speed.ts';

function record(speed: StorageSpeed, milliseconds: number, files: number): void {
  for (let file = 0; file < files; file++) speed.record(milliseconds);
}

describe('storage', () => {
  it('counts as fast, also while the code is not compiled yet', () => {
    const speed = new StorageSpeed();
    record(speed, 1, 10);
    record(speed, 0.03, 100);
    expect(speed.slow).toBe(false);
  });

  it('counts as slow after a few slow files, not after one', () => {
    const speed = new StorageSpeed();
    record(speed, 0.03, 50);
    speed.record(20);
    expect(speed.slow).toBe(false);
    record(speed, 20, 10);
    expect(speed.slow).toBe(true);
  });

  it('counts as slow within the first files if each takes many milliseconds', () => {
    const speed = new StorageSpeed();
    record(speed, 20, 4);
    expect(speed.slow).toBe(true);
  });

  it('is measured again from time to time while slow, and can become fast', () => {
    const speed = new StorageSpeed();
    record(speed, 20, 20);
    const probes = Array.from({ length: 16 }, () => speed.startBatch());
    expect(probes.filter((files) => files > 0)).toHaveLength(2);
    record(speed, 0.05, 3);
    expect(speed.slow).toBe(false);
    expect(speed.startBatch()).toBe(0);
  });
});
