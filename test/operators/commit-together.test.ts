import { lastValueFrom, of, Subject, toArray, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { ParseError, SinkError } from '../../src/errors.ts';
import { commitTogether } from '../../src/operators/commit-together.ts';
import { DEFAULT_RETRY } from '../../src/operators/retry-transient.ts';
import type { Origin, PoisonRecord, StoredBatch, StoredFile } from '../../src/records/records.ts';
import { RefusedDeadLetters, RefusedOutputs } from '../../src/records/refusals.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

describe('commitTogether', () => {
  /** Every record can be committed in any transaction. */
  const admit = (origins: readonly Origin[]) => ({ now: new Set(origins), later: new Set<Origin>() });
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
            admit,
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

  it('reports no records as held when a transaction fails after the topology has ended', async () => {
    const held: boolean[] = [];
    let fail: (error: Error) => void = () => undefined;
    const commit = () => new Promise<never>((_, reject) => (fail = reject));
    const batches$ = new Subject<StoredBatch>();
    const ended = batches$
      .pipe(
        commitTogether(
          { name: 'transaction', commit, admit },
          { ...DEFAULT_RETRY, onHeld: (_, isHeld) => held.push(isHeld) },
        ),
      )
      .subscribe();
    batches$.next(batch(1));
    await new Promise(setImmediate);
    ended.unsubscribe();
    fail(new SinkError('transaction', 'unavailable', 'partitions revoked'));
    await new Promise(setImmediate);
    expect(held).toEqual([]);
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
        commitTogether({ name: 'transaction', commit, admit }, { ...DEFAULT_RETRY, initialDelayMs: 1 }),
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
      batches$.pipe(commitTogether({ name: 'transaction', commit, admit }, options), toArray()),
    );
    for (const number of [1, 2, 3, 4, 5]) batches$.next(batch(number));
    batches$.complete();
    expect(await done).toHaveLength(5);
    expect(attempts.filter(({ length }) => length === 1).flat()).toEqual([1, 2, 3, 4, 5]);
    expect(attempts.slice(0, 4)).toEqual([[1], [2, 3, 4, 5], [2, 3], [2]]);
  });

  it('holds back a record alone whose dead letter is refused by its topic, and commits all others', async () => {
    const committed: unknown[][] = [];
    const { origins } = batch(3);
    const poison = origins.map((origin): PoisonRecord => {
      const source = { origin, key: null, value: null, headers: [] };
      return { kind: 'poison', source, error: new ParseError('null_value', 'null value') };
    });
    const commit = async (batches: readonly StoredBatch[]) => {
      const refused = batches.flatMap((each) => each.poison);
      if (refused.length > 0) throw new RefusedDeadLetters('dlq', 'topic', refused, 'ERR_MSG_SIZE_TOO_LARGE');
      committed.push(numbersOf(batches));
      return [];
    };
    const mixed = { ...batch(4), origins: [...batch(5).origins, ...origins, ...batch(6).origins], poison };
    await lastValueFrom(
      of(batch(1), mixed, batch(7)).pipe(
        commitTogether({ name: 'transaction', commit, admit }, DEFAULT_RETRY),
        toArray(),
      ),
    );
    expect(committed.flat()).toEqual([1, 5, 6, 7]);
  });

  it('commits a held record when its dead letter is accepted, without those that are still refused', async () => {
    const committed: unknown[][] = [];
    const scheduler = new VirtualTimeScheduler();
    const poisoned = (number: number): StoredBatch => {
      const one = batch(number);
      const poison = one.origins.map((origin): PoisonRecord => {
        const source = { origin, key: null, value: null, headers: [] };
        return { kind: 'poison', source, error: new ParseError('null_value', 'null value') };
      });
      return { ...one, poison };
    };
    let refuses = new Set([1, 2]);
    const commit = async (batches: readonly StoredBatch[]) => {
      const refused = batches
        .flatMap((each) => each.poison)
        .filter(({ source }) => refuses.has(numbers.get(source.origin) ?? 0));
      if (refused.length > 0) throw new RefusedDeadLetters('dlq', 'topic', refused, 'ERR_MSG_SIZE_TOO_LARGE');
      committed.push(numbersOf(batches));
      return [];
    };
    vi.useFakeTimers({ toFake: ['performance'] });
    const batches$ = new Subject<StoredBatch>();
    const subscription = batches$
      .pipe(commitTogether({ name: 'transaction', commit, admit }, { ...DEFAULT_RETRY, scheduler }))
      .subscribe();
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    for (const each of [poisoned(1), poisoned(2)]) batches$.next(each);
    await settle();
    expect(committed).toEqual([]);
    refuses = new Set([2]);
    vi.advanceTimersByTime(5_000);
    scheduler.maxFrames = scheduler.frame + 5_000;
    scheduler.flush();
    await settle();
    expect(committed).toEqual([[1]]);
    subscription.unsubscribe();
    vi.useRealTimers();
  });

  it('commits a record that has no room yet with a later transaction, and drops one of a revoked partition', async () => {
    const committed: unknown[][] = [];
    const commit = async (batches: readonly StoredBatch[]) => {
      committed.push(numbersOf(batches));
      return [];
    };
    const isOpen = (number: number) => number === 1 || committed.flat().includes(1);
    const picky = (origins: readonly Origin[]) => {
      const wanted = origins.filter((origin) => numbers.get(origin) !== 9);
      return {
        now: new Set(wanted.filter((origin) => isOpen(numbers.get(origin) ?? 0))),
        later: new Set(wanted.filter((origin) => !isOpen(numbers.get(origin) ?? 0))),
      };
    };
    const batches$ = new Subject<StoredBatch>();
    const summaries = lastValueFrom(
      batches$.pipe(commitTogether({ name: 'transaction', commit, admit: picky }, DEFAULT_RETRY), toArray()),
    );
    batches$.next({ ...batch(0), origins: [...batch(2).origins, ...batch(9).origins, ...batch(3).origins] });
    await new Promise((resolve) => setImmediate(resolve));
    expect(committed).toEqual([]);
    batches$.next(batch(1));
    batches$.complete();
    expect((await summaries).map(({ records }) => records)).toEqual([1, 2]);
    expect(committed).toEqual([[1], [2, 3]]);
  });

  it('commits records together that have no room in smaller transactions', async () => {
    const committed: unknown[][] = [];
    let failures = 1;
    const commit = async (batches: readonly StoredBatch[]) => {
      if (failures-- > 0) throw new SinkError('transaction', 'timeout', 'no acknowledgement');
      committed.push(numbersOf(batches));
      return [];
    };
    // As when the broker accepts less metadata than it has: only four closed gaps together make room.
    const together = (origins: readonly Origin[]) => {
      const fit = origins.length >= 4 || origins.some((origin) => numbers.get(origin) === 0);
      return { now: new Set(fit ? origins : []), later: new Set(fit ? [] : origins) };
    };
    const batches$ = new Subject<StoredBatch>();
    const summaries = lastValueFrom(
      batches$.pipe(
        commitTogether({ name: 'transaction', commit, admit: together }, { ...DEFAULT_RETRY, initialDelayMs: 1 }),
        toArray(),
      ),
    );
    batches$.next(batch(0));
    await vi.waitFor(() => expect(committed).toEqual([[0]]));
    for (const number of [1, 2, 3, 4]) batches$.next(batch(number));
    await new Promise((resolve) => setImmediate(resolve));
    expect(committed).toEqual([[0], [1, 2, 3, 4]]);
    batches$.complete();
    expect(await summaries).toHaveLength(5);
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
        commitTogether({ name: 'transaction', commit, admit }, DEFAULT_RETRY),
      ),
    );
    expect(commits).toHaveLength(2);
    expect(commits[1]?.origins).toEqual(origins);
    expect(commits[1]?.grouped.map(({ file: each }) => each)).toEqual([good]);
    expect(commits[1]?.poison.map(({ source }) => source)).toEqual([bad.source]);
  });
});
