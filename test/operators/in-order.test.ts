import { lastValueFrom, NEVER, of, Subject, toArray } from 'rxjs';
import { delay, map, mergeMap, takeUntil } from 'rxjs/operators';
import { describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import { commitTogether } from '../../src/operators/commit-together.ts';
import { inOrder } from '../../src/operators/in-order.ts';
import { DEFAULT_RETRY } from '../../src/operators/retry-transient.ts';
import type { StoredBatch } from '../../src/records/records.ts';

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
  const batch = (offset: number): StoredBatch => ({
    sources: [{ topic: 't', partition: 0, offset, key: null, value: null, headers: [], timestamp: 0 }],
    grouped: [],
    poison: [],
    startedAt: 0,
  });
  const offsetsOf = (batches: readonly StoredBatch[]) =>
    batches.flatMap((each) => each.sources.map((record) => record.offset));

  it('puts what came during a transaction into the next one, in order', async () => {
    const transactions: number[][] = [];
    const batches$ = new Subject<StoredBatch>();
    const done = lastValueFrom(
      batches$.pipe(
        commitTogether({ commit: async (batches) => void transactions.push(offsetsOf(batches)) }, DEFAULT_RETRY),
        toArray(),
      ),
    );
    for (const offset of [1, 2, 3]) batches$.next(batch(offset));
    batches$.complete();
    expect(await done).toHaveLength(3);
    expect(transactions).toEqual([[1], [2, 3]]);
  });

  it('tries the same batches again after a transaction that failed for a passing reason', async () => {
    const attempts: number[][] = [];
    const commit = async (batches: readonly StoredBatch[]) => {
      attempts.push(offsetsOf(batches));
      if (attempts.length === 1) throw new SinkError('transaction', 'unavailable', 'ERR__TIMED_OUT');
    };
    await lastValueFrom(
      of(batch(1)).pipe(commitTogether({ commit }, { ...DEFAULT_RETRY, initialDelayMs: 1 }), toArray()),
    );
    expect(attempts).toEqual([[1], [1]]);
  });
});
