import { lastValueFrom, NEVER, of, Subject, toArray } from 'rxjs';
import { delay, map, mergeMap, takeUntil } from 'rxjs/operators';
import { describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import { commitTogether } from '../../src/operators/commit-together.ts';
import { inOrder } from '../../src/operators/in-order.ts';
import { DEFAULT_RETRY } from '../../src/operators/retry-transient.ts';
import type { Origin, StoredBatch } from '../../src/records/records.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

describe('inOrder', () => {
  it('works at all items at once and emits in their order', async () => {
    const begun: number[] = [];
    const results = lastValueFrom(
      of(30, 20, 10).pipe(
        inOrder((item$) =>
          item$.pipe(
            mergeMap((ms) =>
              of(ms).pipe(
                map((each) => begun.push(each) && each),
                delay(ms),
              ),
            ),
          ),
        ),
        toArray(),
      ),
    );
    expect(begun).toEqual([30, 20, 10]);
    expect(await results).toEqual([30, 20, 10]);
  });

  it('emits nothing behind an item that was let go, since its successors must not overtake it', async () => {
    const end$ = new Subject<void>();
    const results = lastValueFrom(
      of('a', 'waits', 'c').pipe(
        inOrder((item$) => item$.pipe(mergeMap((item) => (item === 'waits' ? NEVER.pipe(takeUntil(end$)) : of(item))))),
        toArray(),
      ),
    );
    end$.next();
    expect(await results).toEqual(['a']);
  });
});

describe('commitTogether', () => {
  const numbers = new Map<Origin, number>();
  const batch = (number: number): StoredBatch => {
    const origin = new MemoryOrigin();
    numbers.set(origin, number);
    return { origins: [origin], grouped: [], poison: [], closedAt: 0 };
  };
  const numbersOf = (batches: readonly StoredBatch[]) =>
    batches.flatMap((each) => each.origins.map((origin) => numbers.get(origin)));

  it('puts what came during a transaction into the next one, in order', async () => {
    const transactions: unknown[][] = [];
    const batches$ = new Subject<StoredBatch>();
    const done = lastValueFrom(
      batches$.pipe(
        commitTogether(
          {
            name: 'transaction',
            commit: async (batches) => {
              transactions.push(numbersOf(batches));
              return [];
            },
          },
          DEFAULT_RETRY,
        ),
        toArray(),
      ),
    );
    for (const offset of [1, 2, 3]) batches$.next(batch(offset));
    batches$.complete();
    expect(await done).toHaveLength(3);
    expect(transactions).toEqual([[1], [2, 3]]);
  });

  it('tries the same batches again after a transaction that failed for a passing reason', async () => {
    const attempts: unknown[][] = [];
    const commit = async (batches: readonly StoredBatch[]) => {
      attempts.push(numbersOf(batches));
      if (attempts.length === 1) throw new SinkError('transaction', 'unavailable', 'ERR__TIMED_OUT');
      return [];
    };
    await lastValueFrom(
      of(batch(1)).pipe(
        commitTogether({ name: 'transaction', commit }, { ...DEFAULT_RETRY, initialDelayMs: 1 }),
        toArray(),
      ),
    );
    expect(attempts).toEqual([[1], [1]]);
  });
});
