import { describe, expect, it } from 'vitest';
import { CopyAttempts } from '../../../src/databases/postgres/copy-attempts.ts';

/** The statements, by their numbers, that try COPY. It fails while `exist` says so. */
function triesOf(statements: number, exist: (statement: number) => boolean): readonly number[] {
  const attempts = new CopyAttempts();
  return Array.from({ length: statements }, (_, n) => n).filter((n) => {
    if (!attempts.next()) return false;
    if (exist(n)) attempts.failed();
    else attempts.succeeded();
    return true;
  });
}

describe('CopyAttempts', () => {
  it('tries COPY for every statement while rows are new', () => {
    expect(triesOf(1_000, () => false)).toHaveLength(1_000);
  });

  it('tries it less and less often while rows are replayed', () => {
    const tries = triesOf(100_000, () => true);
    expect(tries.slice(0, 4)).toEqual([0, 9, 26, 59]);
    expect(tries.length).toBeLessThan(40);
  });

  it('tries it for every statement again after a replay, at most 4,096 statements later', () => {
    const tries = triesOf(200_000, (n) => n < 100_000);
    const first = tries.find((n) => n >= 100_000) ?? 0;
    expect(first).toBeLessThanOrEqual(100_000 + 4_096);
    expect(tries.filter((n) => n >= first)).toHaveLength(200_000 - first);
  });

  it('gives up little for a rare row that exists', () => {
    expect(triesOf(10_000, (n) => n % 1_000 === 0).length).toBeGreaterThan(9_800);
  });
});
