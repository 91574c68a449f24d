import { from, lastValueFrom, Subject, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ParseError, SinkError } from '../../src/errors.ts';
import { commitTogether } from '../../src/operators/commit-together.ts';
import { forkTo } from '../../src/operators/fork-to.ts';
import { holdRefused } from '../../src/operators/hold-refused.ts';
import type { RetryPolicy } from '../../src/operators/retry-transient.ts';
import type { RetriedRecords, Sink } from '../../src/ports.ts';
import type { GroupedBatch, Origin, PoisonRecord } from '../../src/records/records.ts';
import { RefusedDeadLetters } from '../../src/records/refusals.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

/** Remembers what is held now, and every reason that was ever reported. */
function watchHeld() {
  const held = new Set<RetriedRecords>();
  const seen: string[] = [];
  const policy: RetryPolicy = {
    initialDelayMs: 1,
    maxDelayMs: 1,
    onHeld: (records, isHeld) => {
      if (isHeld) {
        held.add(records);
        seen.push(`${records.reason} ${records.origins.length}`);
      } else held.delete(records);
    },
  };
  return { held, seen, policy };
}

function poison(): PoisonRecord {
  const source = { origin: new MemoryOrigin(), key: null, value: null, headers: [] };
  return { kind: 'poison', source, error: new ParseError('null_value', 'null value') };
}

function batchOf(records: number, poison: readonly PoisonRecord[] = []): GroupedBatch {
  const origins: Origin[] = Array.from({ length: records }, () => new MemoryOrigin());
  return { origins: [...origins, ...poison.map(({ source }) => source.origin)], grouped: [], poison, closedAt: 0 };
}

/** A sink whose first `failures` writes fail. */
function sinkThat(fails: { failures: number }): Sink {
  return {
    name: 'sink',
    connect: async () => undefined,
    write: async () => {
      if (fails.failures-- > 0) throw new SinkError('sink', 'unavailable', 'ECONNREFUSED');
      return [];
    },
    close: async () => undefined,
  };
}

describe('the records of a call that is retried', () => {
  it('are held from its first failure until a sink has stored them, once for each failing sink', async () => {
    const { held, seen, policy } = watchHeld();
    const sinks = [sinkThat({ failures: 3 }), sinkThat({ failures: 0 }), sinkThat({ failures: 1 })];
    await lastValueFrom(
      from([batchOf(5)]).pipe(forkTo({ sinks, deadLetters: sinkThat({ failures: 0 }) }, { retry: policy }), toArray()),
    );
    expect(seen).toEqual(['sink_retry 5', 'sink_retry 5']);
    expect(held.size).toBe(0);
  });

  it('are only those with a dead letter when the dead-letter topic fails', async () => {
    const { seen, policy } = watchHeld();
    const branches = { sinks: [sinkThat({ failures: 0 })], deadLetters: sinkThat({ failures: 2 }) };
    await lastValueFrom(from([batchOf(5, [poison(), poison()])]).pipe(forkTo(branches, { retry: policy }), toArray()));
    expect(seen).toEqual(['dead_letter_retry 2']);
  });

  it('are no longer held when the topology ends in the middle of the retries', async () => {
    const { held, policy } = watchHeld();
    const batches$ = new Subject<GroupedBatch>();
    const sinks = [sinkThat({ failures: Number.POSITIVE_INFINITY })];
    const running = batches$
      .pipe(forkTo({ sinks, deadLetters: sinkThat({ failures: 0 }) }, { retry: policy }))
      .subscribe();
    batches$.next(batchOf(5));
    await expect.poll(() => held.size).toBe(1);
    running.unsubscribe();
    expect(held.size).toBe(0);
  });
});

describe('a dead letter that its topic refuses', () => {
  it('is held until the topic accepts it', async () => {
    const { held, seen, policy } = watchHeld();
    let limit = true;
    const topic: Sink = {
      ...sinkThat({ failures: 0 }),
      write: async (batch) => {
        if (limit) throw new RefusedDeadLetters('dlq', 'topic', batch.poison, 'ERR_MSG_SIZE_TOO_LARGE');
        return [];
      },
    };
    const records = holdRefused(topic, { ack: () => [] }, policy);
    await records.deadLetters.write(batchOf(3, [poison()]));
    await expect.poll(() => held.size).toBe(1);
    expect(seen).toEqual(['dead_letter_retry 1']);
    limit = false;
    await expect.poll(() => held.size).toBe(0);
  });
});

describe('the records of a transaction', () => {
  const admit = (origins: readonly Origin[]) => ({ now: new Set(origins), later: new Set<Origin>() });

  it('are held while it is retried', async () => {
    const { held, seen, policy } = watchHeld();
    let failures = 2;
    const commit = async () => {
      if (failures-- > 0) throw new SinkError('transaction', 'unavailable', 'ERR__TIMED_OUT');
      return [];
    };
    const batches$ = new Subject<GroupedBatch>();
    let stored = 0;
    const running = batches$
      .pipe(commitTogether({ name: 'transaction', commit, admit }, policy))
      .subscribe(() => stored++);
    batches$.next(batchOf(5));
    await expect.poll(() => stored).toBe(1);
    expect(seen).toEqual(['sink_retry 5', 'sink_retry 5']);
    await expect.poll(() => held.size).toBe(0);
    running.unsubscribe();
  });

  it('are held when the dead-letter topic refuses them, and no longer when the topology ends', async () => {
    const { held, seen, policy } = watchHeld();
    const commit = async (batches: readonly GroupedBatch[]) => {
      const refused = batches.flatMap((each) => each.poison);
      if (refused.length > 0) throw new RefusedDeadLetters('dlq', 'topic', refused, 'ERR_MSG_SIZE_TOO_LARGE');
      return [];
    };
    const batches$ = new Subject<GroupedBatch>();
    const running = batches$.pipe(commitTogether({ name: 'transaction', commit, admit }, policy)).subscribe();
    batches$.next(batchOf(5, [poison()]));
    await expect.poll(() => seen).toEqual(['dead_letter_retry 1']);
    running.unsubscribe();
    expect(held.size).toBe(0);
  });
});
