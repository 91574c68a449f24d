import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialRepertoire } from '../../src/dicom/values/character-sets.ts';

const { decode } = initialRepertoire('ISO_IR 192');
const standard = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

describe('UTF-8', () => {
  it('is decoded as the platform decodes it, valid or not, short or long', () => {
    const pieces = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.string({ unit: 'binary', maxLength: 12 }).map((text) => new Uint8Array(Buffer.from(text, 'utf8'))),
      // The borders of table 3-7: overlong forms, surrogates, beyond U+10FFFF, cut short.
      fc
        .constantFrom(
          ...['c0af', 'c1bf', 'c280', 'e09fbf', 'e0a080', 'ed9fbf', 'eda080', 'edbfbf', 'ee8080', 'efbfbd', 'efbbbf'],
          ...['f08fbfbf', 'f0908080', 'f48fbfbf', 'f4908080', 'e38182', 'e381', 'e3', 'c2', 'e3c281', 'ff', '80'],
        )
        .map((hex) => new Uint8Array(Buffer.from(hex, 'hex'))),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        const bytes = Buffer.concat(parts);
        expect(decode(latin1(bytes))).toBe(standard(bytes));
      }),
      { numRuns: 3_000 },
    );
  }, 60_000);
});
