import { lastValueFrom, NEVER, of, Subject, toArray } from 'rxjs';
import { delay, map, mergeMap, takeUntil } from 'rxjs/operators';
import { describe, expect, it } from 'vitest';
import { ParseError, SinkError } from '../../src/errors.ts';
import { commitTogether } from '../../src/operators/commit-together.ts';
import { inOrder } from '../../src/operators/in-order.ts';
import { DEFAULT_RETRY } from '../../src/operators/retry-transient.ts';
import type { Origin, PoisonRecord, StoredBatch, StoredFile } from '../../src/records/records.ts';
import { RefusedDeadLetters, RefusedOutputs } from '../../src/records/refusals.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

describe('inOrder', () => {
  it('processes items concurrently and emits in their order', async () => {
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

  it('emits nothing after an item without a result, since no later item may overtake it', async () => {
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
  const partitionOf = () => 'one';
  const numbers = new Map<Origin, number>();
  const batch = (number: number): StoredBatch => {
    const origin = new MemoryOrigin();
    numbers.set(origin, number);
    return { origins: [origin], grouped: [], poison: [], closedAt: 0 };
  };
  const numbersOf = (batches: readonly StoredBatch[]) =>
    batches.flatMap((each) => each.origins.map((origin) => numbers.get(origin)));

  it('puts batches that arrive during a transaction into the next one, in order', async () => {
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
            partitionOf,
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

  it('retries the same batches after a transaction that failed for a transient reason', async () => {
    const attempts: unknown[][] = [];
    const commit = async (batches: readonly StoredBatch[]) => {
      attempts.push(numbersOf(batches));
      if (attempts.length === 1) throw new SinkError('transaction', 'unavailable', 'ERR__TIMED_OUT');
      return [];
    };
    await lastValueFrom(
      of(batch(1)).pipe(
        commitTogether({ name: 'transaction', commit, partitionOf }, { ...DEFAULT_RETRY, initialDelayMs: 1 }),
        toArray(),
      ),
    );
    expect(attempts).toEqual([[1], [1]]);
  });

  it('repeats a transaction that failed for a transient reason with half as many records, in order', async () => {
    const attempts: unknown[][] = [];
    const commit = async (batches: readonly StoredBatch[]) => {
      attempts.push(numbersOf(batches));
      if (batches.length > 1) throw new SinkError('transaction', 'timeout', 'no acknowledgement');
      return [];
    };
    const batches$ = new Subject<StoredBatch>();
    const options = { ...DEFAULT_RETRY, initialDelayMs: 1 };
    const done = lastValueFrom(
      batches$.pipe(commitTogether({ name: 'transaction', commit, partitionOf }, options), toArray()),
    );
    for (const number of [1, 2, 3, 4, 5]) batches$.next(batch(number));
    batches$.complete();
    expect(await done).toHaveLength(5);
    expect(attempts.filter(({ length }) => length === 1).flat()).toEqual([1, 2, 3, 4, 5]);
    expect(attempts.slice(0, 4)).toEqual([[1], [2, 3, 4, 5], [2, 3], [2]]);
  });

  it('holds back the partition of a dead letter that its topic refuses, and commits the others', async () => {
    const committed: unknown[][] = [];
    const poisoned = batch(3);
    const [origin] = poisoned.origins;
    if (origin === undefined) throw new Error('a batch without a record');
    const source = { origin, key: null, value: null, headers: [] };
    const poison: PoisonRecord = { kind: 'poison', source, error: new ParseError('null_value', 'null value') };
    const commit = async (batches: readonly StoredBatch[]) => {
      const refused = batches.flatMap((each) => each.poison);
      if (refused.length > 0) throw new RefusedDeadLetters('dlq', 'topic', refused, 'ERR_MSG_SIZE_TOO_LARGE');
      committed.push(numbersOf(batches));
      return [];
    };
    const mixed = batch(4);
    const all = [batch(1), batch(2), { ...poisoned, poison: [poison] }, batch(5), batch(6)];
    const both = { ...mixed, origins: [...mixed.origins, ...batch(7).origins] };
    const odd = (each: Origin) => ((numbers.get(each) ?? 0) % 2 === 1 ? 'odd' : 'even');
    await lastValueFrom(
      of(...all, both).pipe(
        commitTogether({ name: 'transaction', commit, partitionOf: odd }, DEFAULT_RETRY),
        toArray(),
      ),
    );
    expect(committed.flat()).toEqual([1, 2, 6, 4]);
  });

  it('dead-letters a record that an output topic refuses, and publishes the rest of its batch', async () => {
    const file = (number: number): StoredFile => ({
      kind: 'file',
      source: { origin: batch(number).origins[0] ?? new MemoryOrigin(), key: null, value: null, headers: [] },
      tenantId: 't',
      patientId: '',
      studyDate: '2026-01-01',
      path: '/x',
      size: 1,
      version: { time: '', traceId: '' },
      object: { identity: '', version: { time: '', traceId: '' }, json: Buffer.from('{}') },
    });
    const [good, bad] = [file(1), file(2)];
    const grouped = [good, bad].map((each) => ({ file: each, object: each.object, state: null, image: null }));
    const origins = [good, bad].map(({ source }) => source.origin);
    const error = new SinkError('image_topic', 'rejected', 'ERR_MSG_SIZE_TOO_LARGE');
    const commits: StoredBatch[] = [];
    const commit = async (batches: readonly StoredBatch[]) => {
      if (commits.push(...batches) === 1)
        throw new RefusedOutputs('transaction', [{ kind: 'poison', source: bad.source, error }]);
      return [];
    };
    await lastValueFrom(
      of({ origins, grouped, poison: [], closedAt: 0 }).pipe(
        commitTogether({ name: 'transaction', commit, partitionOf }, DEFAULT_RETRY),
      ),
    );
    expect(commits).toHaveLength(2);
    expect(commits[1]?.origins).toEqual(origins);
    expect(commits[1]?.grouped.map(({ file: each }) => each)).toEqual([good]);
    expect(commits[1]?.poison.map(({ source }) => source)).toEqual([bad.source]);
  });
});
