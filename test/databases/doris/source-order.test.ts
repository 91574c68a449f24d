import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceOrder } from '../../../src/databases/doris/source-order.ts';
import { compareVersions } from '../../../src/records/version.ts';

const time = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
  .chain((date) =>
    fc.integer({ min: 0, max: 999_999 }).map((micro) => {
      // toISOString writes years of four digits from 0000 to 9999.
      return `${date.toISOString().slice(0, 19)}.${String(micro).padStart(6, '0')}`;
    }),
  );
const hex = (length: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: length, maxLength: length })
    .map((digits) => digits.map((each) => each.toString(16)).join(''));
const uuid7 = fc.tuple(hex(8), hex(4), hex(3), hex(4), hex(12)).map(([a, b, c, d, e]) => `${a}-${b}-7${c}-${d}-${e}`);
/** UUIDs with one character exchanged, so that many pairs share a beginning. */
const nearUuid = fc
  .tuple(
    fc.constantFrom('0199e6ae-8148-7e73-8d6c-c435bf126fe4', '0199e6ae-8148-4e73-8d6c-c435bf126fe4'),
    fc.nat(35),
    fc.string({ unit: 'binary', minLength: 0, maxLength: 2 }),
  )
  .map(([text, at, other]) => text.slice(0, at) + other + text.slice(at + 1));
const traceId = fc.oneof(uuid7, nearUuid, fc.string({ unit: 'binary', maxLength: 36 }));

describe('the sequence column of states and images', () => {
  it('never contradicts the order of versions by time and UTF-8 bytes', () => {
    const sameTime = fc.tuple(time, traceId, traceId).map(([at, a, b]) => [
      { time: at, traceId: a },
      { time: at, traceId: b },
    ]);
    const version = fc.record({ time, traceId });
    fc.assert(
      fc.property(fc.oneof(sameTime, fc.tuple(version, version)), ([a, b]) => {
        if (a === undefined || b === undefined) return;
        const order = Math.sign(compareVersions(a, b));
        const difference = BigInt(sourceOrder(a)) - BigInt(sourceOrder(b));
        if (order === 0) expect(difference).toBe(0n);
        else expect(order > 0 ? difference >= 0n : difference <= 0n).toBe(true);
        if (a.time !== b.time) expect(difference).not.toBe(0n);
      }),
      { numRuns: 3_000 },
    );
  });

  it('tells apart two UUIDs of version 7 that differ in their time stamp or the 12 bits after it', () => {
    const at = '2026-01-01T00:00:00.000001';
    fc.assert(
      fc.property(uuid7, uuid7, (a, b) => {
        const same = sourceOrder({ time: at, traceId: a }) === sourceOrder({ time: at, traceId: b });
        expect(same).toBe(a.slice(0, 18) === b.slice(0, 18));
      }),
    );
    const [first, second] = ['0199e6ae-8148-7e73-8d6c-000000000001', '0199e6ae-8148-7e74-8d6c-000000000000'];
    expect(sourceOrder({ time: at, traceId: first ?? '' })).not.toBe(sourceOrder({ time: at, traceId: second ?? '' }));
  });

  it('tells apart texts of any form by their first eight bytes', () => {
    const at = '2026-01-01T00:00:00.000001';
    const text = fc.string({ unit: 'binary', minLength: 8, maxLength: 36 });
    fc.assert(
      fc.property(fc.oneof(text, nearUuid), text, (a, b) => {
        const same = sourceOrder({ time: at, traceId: a }) === sourceOrder({ time: at, traceId: b });
        const [first, second] = [a, b].map((each) => Buffer.from(each).subarray(0, 8));
        if (same) expect(first).toEqual(second);
      }),
      { numRuns: 2_000 },
    );
  });

  it('fits into a LARGEINT and is not negative', () => {
    const greatest = sourceOrder({ time: '9999-12-31T23:59:59.999999', traceId: '\u{10ffff}'.repeat(36) });
    expect(BigInt(greatest)).toBeLessThan(2n ** 127n);
    expect(BigInt(sourceOrder({ time: '0001-01-01T00:00:00.000000', traceId: '' }))).toBeGreaterThan(0n);
  });
});
