import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ParseError, SinkError } from '../../src/errors.ts';
import { createHealth } from '../../src/ops/health.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { observeSink } from '../../src/ops/observe.ts';
import type { PoisonRecord } from '../../src/records/records.ts';
import { RefusedDeadLetters } from '../../src/records/refusals.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

const component = { label: 'dead_letter_topic', path: 'root.output' };

function poison(): PoisonRecord {
  const source = { origin: new MemoryOrigin(), key: null, value: null, headers: [] };
  return { kind: 'poison', source, error: new ParseError('null_value', 'null value') };
}

function batchOf(...records: readonly PoisonRecord[]) {
  return { origins: records.map(({ source }) => source.origin), grouped: [], poison: records, closedAt: 0 };
}

/** A sink that fails as told, and what `/ready` says of it. */
function observed(failure: (record: PoisonRecord | undefined) => SinkError | undefined, now = () => 0) {
  const health = createHealth();
  const sink = observeSink(
    {
      name: 'dlq',
      connect: async () => undefined,
      async write({ poison: [record] }) {
        const error = failure(record);
        if (error !== undefined) throw error;
        return [];
      },
      close: async () => undefined,
    },
    {
      metrics: createMetrics({ process: false }).output(component),
      health: health.component(component),
      recordsOf: ({ poison }) => poison.length,
      now,
    },
  );
  const error = () => health.readiness().body.statuses[0]?.error;
  const write = (...records: readonly PoisonRecord[]) => sink.write(batchOf(...records)).catch(() => undefined);
  return { sink, error, write };
}

describe('the readiness of an output', () => {
  it('names a refused dead letter until the topic accepts it, whatever else is written', async () => {
    const [large, small] = [poison(), poison()];
    let limit = true;
    let down = false;
    const { sink, error, write } = observed((record) => {
      if (down) return new SinkError('dlq', 'unavailable', 'ERR__TRANSPORT');
      return limit && record === large
        ? new RefusedDeadLetters('dlq', 'dlq', [large], 'ERR_MSG_SIZE_TOO_LARGE')
        : undefined;
    });
    await sink.connect();
    expect(error()).toBeUndefined();
    await write(large);
    expect(error()).toContain('ERR_MSG_SIZE_TOO_LARGE');
    await write(small);
    await write();
    expect(error()).toContain('ERR_MSG_SIZE_TOO_LARGE');

    down = true;
    await write(small);
    expect(error()).toBe('ERR__TRANSPORT');
    down = false;
    await write(small);
    expect(error()).toContain('ERR_MSG_SIZE_TOO_LARGE');

    limit = false;
    await write(large);
    expect(error()).toBeUndefined();
  });

  it('returns with the next write after any other failure', async () => {
    const [lost, next] = [poison(), poison()];
    const { sink, error, write } = observed((record) =>
      record === lost ? new SinkError('dlq', 'unavailable', 'ERR__TRANSPORT') : undefined,
    );
    await sink.connect();
    await write(lost);
    expect(error()).toBe('ERR__TRANSPORT');
    await write(next);
    expect(error()).toBeUndefined();
  });

  it('is lost when every write ends in a conflict for 10 s, as when a table is locked', async () => {
    const [waits, free] = [poison(), poison()];
    let time = 0;
    const { sink, error, write } = observed(
      (record) => (record === waits ? new SinkError('db', 'conflict', '55P03') : undefined),
      () => time,
    );
    await sink.connect();
    // Other records are stored: only a row is locked.
    for (; time < 20_000; time += 5_000) {
      await write(waits);
      await write(free);
      expect(error()).toBeUndefined();
    }
    await write(waits);
    time += 9_000;
    await write(waits);
    expect(error()).toBeUndefined();
    time += 1_000;
    await write(waits);
    expect(error()).toBe('55P03');
    // A batch without records for the output proves nothing.
    await write();
    expect(error()).toBe('55P03');
    await write(free);
    expect(error()).toBeUndefined();
  });
});

describe('an output that is slow', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const SECOND = 1_000;

  /** A sink whose writes last as long as the test decides. */
  function slow() {
    const health = createHealth();
    const writes: { succeed(): void; fail(error: SinkError): void }[] = [];
    const stalls: number[] = [];
    const sink = observeSink(
      {
        name: 'db',
        connect: async () => undefined,
        write: () =>
          new Promise<readonly never[]>((resolve, reject) => {
            writes.push({ succeed: () => resolve([]), fail: reject });
          }),
        close: async () => undefined,
      },
      {
        metrics: createMetrics({ process: false }).output(component),
        health: health.component(component),
        recordsOf: ({ poison }) => poison.length,
        onStalled: (pendingMs) => stalls.push(pendingMs),
      },
    );
    const write = () => {
      sink.write(batchOf(poison())).catch(() => undefined);
      const started = writes.at(-1);
      if (started === undefined) throw new Error('the write has not reached the sink');
      return started;
    };
    const error = () => health.readiness().body.statuses[0]?.error;
    return { sink, write, error, stalls };
  }

  it('is not ready after 30 s without any acknowledgement while a write is pending, and ready again after the next one', async () => {
    const { sink, write, error, stalls } = slow();
    await sink.connect();
    const pending = write();
    await vi.advanceTimersByTimeAsync(29 * SECOND);
    expect(error()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2 * SECOND);
    expect(error()).toBe('no acknowledgement');
    await vi.advanceTimersByTimeAsync(60 * SECOND);
    expect(stalls).toHaveLength(3);
    pending.succeed();
    await vi.advanceTimersByTimeAsync(0);
    expect(error()).toBeUndefined();
  });

  it('stays ready as long as other writes are acknowledged, or while none is pending', async () => {
    const { sink, write, error, stalls } = slow();
    await sink.connect();
    const held = write();
    for (let second = 0; second < 120; second += 20) {
      const other = write();
      await vi.advanceTimersByTimeAsync(20 * SECOND);
      other.succeed();
    }
    await vi.advanceTimersByTimeAsync(20 * SECOND);
    held.succeed();
    await vi.advanceTimersByTimeAsync(120 * SECOND);
    expect(error()).toBeUndefined();
    expect(stalls).toEqual([]);
  });

  it('keeps the reason of a failed write, and reports nothing after it is closed', async () => {
    const { sink, write, error, stalls } = slow();
    await sink.connect();
    write().fail(new SinkError('db', 'unavailable', 'ECONNREFUSED'));
    write();
    await vi.advanceTimersByTimeAsync(31 * SECOND);
    expect(error()).toBe('ECONNREFUSED');
    await sink.close();
    const before = stalls.length;
    await vi.advanceTimersByTimeAsync(120 * SECOND);
    expect(stalls).toHaveLength(before);
  });
});
