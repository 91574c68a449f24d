import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StatementSize } from '../../src/databases/statement-size.ts';

const SECOND = 1_000;

/** A size that has grown to 2,000 records, and its clock. */
function grown() {
  const clock = { ms: 0 };
  const size = new StatementSize(2_000, 20 * SECOND, () => clock.ms);
  while (size.rows < 2_000) size.succeeded(size.rows, 1);
  return { size, clock };
}

describe('StatementSize', () => {
  it('grows with full statements that are fast, and not with others', () => {
    const size = new StatementSize(2_000, 20 * SECOND);
    const first = size.rows;
    size.succeeded(first - 1, 1);
    size.succeeded(first, 6 * SECOND);
    expect(size.rows).toBe(first);
    size.succeeded(first, 1);
    expect(size.rows).toBe(2 * first);
  });

  it('does not try a size again at once that was too large', () => {
    const { size, clock } = grown();
    size.tooLarge(2_000);
    expect(size.rows).toBe(1_000);
    size.succeeded(1_000, 1);
    expect(size.rows).toBe(1_000);
    clock.ms += SECOND;
    size.succeeded(1_000, 1);
    expect(size.rows).toBe(2_000);
  });

  it('tries it less and less often while it is too large, and at least once a minute', () => {
    const { size, clock } = grown();
    const waited: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      size.tooLarge(2_000);
      const since = clock.ms;
      while (size.rows < 2_000) {
        clock.ms += SECOND;
        size.succeeded(size.rows, 1);
      }
      waited.push((clock.ms - since) / SECOND);
    }
    expect(waited).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('grows at once again when a size that had failed during an outage succeeds', () => {
    const { size, clock } = grown();
    for (let rows = 2_000; rows > 1; rows = size.rows) size.tooLarge(rows);
    expect(size.rows).toBe(1);
    clock.ms += SECOND;
    for (let statement = 0; statement < 12; statement++) size.succeeded(size.rows, 1);
    expect(size.rows).toBe(2_000);
  });

  it('stays at what it is when a single record is too large', () => {
    const { size } = grown();
    size.tooLarge(1);
    expect(size.rows).toBe(2_000);
  });

  it('is between one record and the maximum, and soon below any limit, whatever is lost, slow or stored', () => {
    const event = fc.record({ seconds: fc.nat(100), slow: fc.boolean(), limit: fc.integer({ min: 1, max: 3_000 }) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.integer({ min: 1, max: 3_000 }), (events, last) => {
        const { size, clock } = grown();
        const statement = (limit: number, slow: boolean) => {
          const { rows } = size;
          expect(rows).toBeGreaterThanOrEqual(1);
          expect(rows).toBeLessThanOrEqual(2_000);
          if (rows > limit) size.tooLarge(rows);
          else if (slow) size.tooSlow(rows);
          else size.succeeded(rows, 1);
        };
        for (const { seconds, slow, limit } of events) {
          clock.ms += seconds * SECOND;
          statement(limit, slow);
        }
        for (let attempt = 0; attempt < 13; attempt++) statement(last, false);
        expect(size.rows).toBeLessThanOrEqual(last);
      }),
    );
  });
});
