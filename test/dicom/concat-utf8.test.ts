import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatUtf8 } from '../../src/dicom/files/concat-utf8.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 50 }),
  // Three bytes for each unit: far more than there are units.
  fc.nat(8_000).map((length) => '山'.repeat(length)),
  fc.nat(8_000).map((length) => 'x'.repeat(length)),
);

describe('concatUtf8', () => {
  it('concatenates texts of any characters and returns the length of each', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), (texts) => {
        const { memory, lengths } = concatUtf8(texts);
        const written = Buffer.from(memory);
        let end = 0;
        const found = lengths.map((length) => {
          end += length;
          return written.toString('utf8', end - length, end);
        });
        expect(found).toEqual(texts.map((each) => each.toWellFormed()));
      }),
    );
  });

  it('uses memory of its own, which can be transferred to another thread', () => {
    const { memory } = concatUtf8(['one', 'two']);
    expect(() => structuredClone(memory, { transfer: [memory] })).not.toThrow();
    expect(memory.byteLength).toBe(0);
  });
});
