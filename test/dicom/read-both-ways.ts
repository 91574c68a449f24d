import { expect } from 'vitest';
import { MemoryReader } from '../../src/testing/dicom-memory.ts';

const readers = [new MemoryReader(), new MemoryReader({ first: 132, next: 40 })];

/** The two records as one, or the error; the same through large and small windows. */
export function read(bytes: Buffer): Record<string, unknown> {
  const [large, small] = readers.map((reader) => {
    const { error, state, image } = reader.read(bytes);
    return error === undefined ? { ...JSON.parse(state), ...JSON.parse(image) } : { error: error.message };
  });
  expect(small).toEqual(large);
  return large ?? {};
}
