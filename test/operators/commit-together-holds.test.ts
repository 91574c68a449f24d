import { Subject, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { ParseError, SinkError } from '../../src/errors.ts';
import { commitTogether } from '../../src/operators/commit-together.ts';
import { DEFAULT_RETRY } from '../../src/operators/retry-transient.ts';
import type { Admission, Transaction } from '../../src/ports.ts';
import type { GroupedRecord, Origin, PoisonRecord, PublishedRow, StoredBatch } from '../../src/records/records.ts';
import { RefusedDeadLetters, RefusedOutputs } from '../../src/records/refusals.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

const VERSION = { time: '', traceId: '' };
const row: PublishedRow = { identity: 'i', key: 'k', json: Buffer.from('{}'), version: VERSION };

function recordOf(rows: Pick<GroupedRecord, 'state' | 'image'>): GroupedRecord {
  const source = { origin: new MemoryOrigin(), key: null, value: null, headers: [] };
  const object = { identity: '', version: VERSION, json: Buffer.from('{}') };
  const file = { tenantId: 't', patientId: '', studyDate: '2026-01-01', path: '/x', size: 1, version: VERSION };
  return { file: { ...file, kind: 'file', source, object }, object, ...rows };
}

function batchOf(grouped: readonly GroupedRecord[], poison: readonly PoisonRecord[] = []): StoredBatch {
  const origins = [...grouped.map(({ file }) => file), ...poison].map(
    (each) => ('source' in each ? each.source : each).origin,
  );
  return { origins, grouped, poison, closedAt: 0 };
}

function poison(): PoisonRecord {
  const source = { origin: new MemoryOrigin(), key: null, value: null, headers: [] };
  return { kind: 'poison', source, error: new ParseError('null_value', 'null value') };
}

const admitAll = (origins: readonly Origin[]): Admission => ({ now: new Set(origins), later: new Set() });
const plain = () => batchOf([recordOf({ state: row, image: row })]);

/** Runs transactions; `commit` may throw. Records the batches of those that were committed. */
function run(commit: (batches: readonly StoredBatch[]) => void, admit: Transaction['admit'] = admitAll) {
  const batches$ = new Subject<StoredBatch>();
  const committed: Origin[] = [];
  const attempts: (readonly StoredBatch[])[] = [];
  const pauses: number[] = [];
  let hasCompleted = false;
  const scheduler = new VirtualTimeScheduler();
  const transaction = {
    name: 'transaction',
    admit,
    commit: async (batches: readonly StoredBatch[]) => {
      attempts.push(batches);
      commit(batches);
      committed.push(...batches.flatMap(({ origins }) => origins));
      return batches.map(() => []);
    },
  };
  const onRetry = ({ delayMs }: { readonly delayMs: number }) => pauses.push(delayMs);
  batches$.pipe(commitTogether(transaction, { ...DEFAULT_RETRY, scheduler, onRetry })).subscribe({
    complete: () => {
      hasCompleted = true;
    },
  });
  return { batches$, committed, attempts, pauses, scheduler, completed: () => hasCompleted };
}

/** A batch of two records with one state row. Their own rows are known when `answer` was called. */
function batchOnSlowStorage() {
  const [newer, older] = [recordOf({ state: row, image: row }), recordOf({ state: null, image: row })];
  let answer: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const withAllRows = async () => {
    await answered;
    return [newer, { ...older, state: row }];
  };
  return { batch: { ...batchOf([newer, older]), withAllRows }, newer, older, answer };
}

describe('a batch that is divided while the storage does not answer', () => {
  it('holds up no other batch after a topic has refused one of its outputs', async () => {
    const { batch, newer, answer } = batchOnSlowStorage();
    const error = new SinkError('topic', 'rejected', 'ERR_MSG_SIZE_TOO_LARGE');
    const { batches$, committed, completed } = run((batches) => {
      if (
        batches.some(
          ({ poison: letters, origins }) => letters.length === 0 && origins.includes(newer.file.source.origin),
        )
      )
        throw new RefusedOutputs('transaction', [{ kind: 'poison', source: newer.file.source, error }]);
    });
    const others = [plain(), plain()];
    for (const each of [batch, ...others]) batches$.next(each);
    await vi.waitFor(() => expect(committed).toEqual(others.flatMap(({ origins }) => origins)));
    batches$.complete();
    await new Promise((resolve) => setImmediate(resolve));
    expect(completed()).toBe(false);
    answer();
    await vi.waitFor(() => expect(committed).toHaveLength(4));
    await vi.waitFor(() => expect(completed()).toBe(true));
  });

  it('holds up no other batch when a part of it has no room in the transaction', async () => {
    const { batch, older, answer } = batchOnSlowStorage();
    const late = older.file.source.origin;
    let hasRoom = false;
    const { batches$, committed } = run(
      () => undefined,
      (origins) => {
        const later = new Set(hasRoom ? [] : origins.filter((origin) => origin === late));
        return { now: new Set(origins.filter((origin) => !later.has(origin))), later };
      },
    );
    const others = [plain(), plain()];
    for (const each of [batch, ...others]) batches$.next(each);
    await vi.waitFor(() => expect(committed).toEqual(others.flatMap(({ origins }) => origins)));
    answer();
    await vi.waitFor(() => expect(committed).toHaveLength(3));
    hasRoom = true;
    batches$.next(plain());
    await vi.waitFor(() => expect(committed).toContain(late));
    expect(committed).toHaveLength(5);
  });
});

describe('a dead-letter topic that can not be written', () => {
  it('holds back the records of dead letters alone, without an attempt for each, until it can', async () => {
    let isDenied = true;
    const { batches$, committed, attempts, scheduler } = run((batches) => {
      const letters = batches.flatMap((batch) => batch.poison);
      if (isDenied && letters.length > 0)
        throw new RefusedDeadLetters('dlq', 'topic', letters, 'ERR_TOPIC_AUTHORIZATION_FAILED', 'access denied');
    });
    const letters = Array.from({ length: 10 }, poison);
    const others: Origin[] = [];
    for (const letter of letters) {
      const record = recordOf({ state: row, image: row });
      others.push(record.file.source.origin);
      batches$.next(batchOf([record], [letter]));
      await vi.waitFor(() => expect(committed).toEqual(others));
    }
    expect(attempts.filter((batches) => batches.some((batch) => batch.poison.length > 0))).toHaveLength(1);
    isDenied = false;
    scheduler.flush();
    await vi.waitFor(() => expect(committed).toHaveLength(20));
    batches$.next(batchOf([recordOf({ state: row, image: row })], [poison()]));
    await vi.waitFor(() => expect(committed).toHaveLength(22));
    // In one transaction again.
    expect(attempts.at(-1)?.flatMap(({ origins }) => origins)).toHaveLength(2);
  });

  it('holds back only those that it refuses when it can be written again', async () => {
    const [large, small] = [poison(), poison()];
    let isDenied = true;
    const { batches$, committed, scheduler } = run((batches) => {
      const letters = batches.flatMap((batch) => batch.poison);
      if (isDenied) throw new RefusedDeadLetters('dlq', 'topic', letters, 'ERR_TOPIC_AUTHORIZATION_FAILED', 'denied');
      if (letters.includes(large)) throw new RefusedDeadLetters('dlq', 'topic', [large], 'ERR_MSG_SIZE_TOO_LARGE');
    });
    for (const letter of [large, small]) batches$.next(batchOf([], [letter]));
    await new Promise((resolve) => setImmediate(resolve));
    isDenied = false;
    scheduler.maxFrames = 6_000;
    scheduler.flush();
    await vi.waitFor(() => expect(committed).toEqual([small.source.origin]));
  });

  it('is tried for at most a tenth of the time, since no other batch is committed meanwhile', async () => {
    let isThere = false;
    const { batches$, committed, pauses, scheduler } = run((batches) => {
      if (isThere) return;
      scheduler.frame += 7_000;
      const letters = batches.flatMap((batch) => batch.poison);
      throw new RefusedDeadLetters('dlq', 'topic', letters, 'ERR_UNKNOWN_TOPIC_OR_PART', 'there is no topic');
    });
    const pass = async (ms: number) => {
      await new Promise((resolve) => setImmediate(resolve));
      scheduler.maxFrames = scheduler.frame + ms;
      scheduler.flush();
    };
    batches$.next(batchOf([], [poison()]));
    await vi.waitFor(() => expect(pauses).toEqual([5_000]));
    await pass(6_000);
    await vi.waitFor(() => expect(pauses).toEqual([5_000, 63_000]));
    isThere = true;
    await pass(64_000);
    await vi.waitFor(() => expect(committed).toHaveLength(1));
    isThere = false;
    batches$.next(batchOf([], [poison()]));
    await vi.waitFor(() => expect(pauses).toEqual([5_000, 63_000, 5_000]));
  });

  it('is tried for one dead letter after the other when it refuses single ones', async () => {
    const { batches$, attempts } = run((batches) => {
      const letters = batches.flatMap((batch) => batch.poison);
      if (letters.length > 0) throw new RefusedDeadLetters('dlq', 'topic', letters, 'ERR_MSG_SIZE_TOO_LARGE');
    });
    for (let n = 1; n <= 3; n++) {
      batches$.next(batchOf([], [poison()]));
      await vi.waitFor(() => expect(attempts).toHaveLength(n));
    }
  });
});
