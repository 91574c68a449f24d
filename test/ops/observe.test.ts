import { describe, expect, it } from 'vitest';
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
