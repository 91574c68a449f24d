import { describe, expect, it } from 'vitest';
import { MemoryReader } from '../../src/testing/dicom-memory.ts';
import { ODD_FILES } from './odd-files/index.ts';

const reader = new MemoryReader();
const resuming = new MemoryReader({ first: 150, next: 40 });

describe('an odd file', () => {
  it.each(ODD_FILES)('is read as the contract says: $name', ({ bytes, expected }) => {
    for (const { error, state, image } of [reader.read(bytes), resuming.read(bytes)]) {
      if (typeof expected === 'string') expect(error?.message).toBe(expected);
      else {
        expect(error?.message).toBeUndefined();
        const record = { ...JSON.parse(state), ...JSON.parse(image) };
        for (const [column, value] of Object.entries(expected)) {
          if (value instanceof RegExp) expect(record[column]).toMatch(value);
          else expect(record[column], column).toEqual(value);
        }
      }
    }
  });
});
