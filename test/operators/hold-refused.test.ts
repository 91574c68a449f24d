import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ParseError, SinkError } from '../../src/errors.ts';
import { holdRefused } from '../../src/operators/hold-refused.ts';
import { DEFAULT_RETRY } from '../../src/operators/retry-transient.ts';
import type { Sink } from '../../src/ports.ts';
import type { GroupedBatch, Origin, PoisonRecord } from '../../src/records/records.ts';
import { RefusedDeadLetters } from '../../src/records/refusals.ts';
import { MemoryOrigin } from '../../src/testing/consumed-record.ts';

const RETRY = { ...DEFAULT_RETRY, initialDelayMs: 1, maxDelayMs: 1 };

function poison(): PoisonRecord {
  const source = { origin: new MemoryOrigin(), key: null, value: null, headers: [] };
  return { kind: 'poison', source, error: new ParseError('null_value', 'null value') };
}

function batchOf(records: readonly PoisonRecord[], others: readonly Origin[] = []): GroupedBatch {
  return {
    origins: [...records.map(({ source }) => source.origin), ...others],
    grouped: [],
    poison: records,
    closedAt: 0,
  };
}

/** A dead-letter topic that refuses some records for as long as `refuses` says so. */
function topicThat(refuses: (record: PoisonRecord) => boolean) {
  const written: PoisonRecord[] = [];
  let attempts = 0;
  const sink: Sink = {
    name: 'dlq',
    connect: async () => undefined,
    async write(batch) {
      attempts++;
      const refused = batch.poison.filter(refuses);
      written.push(...batch.poison.filter((record) => !refused.includes(record)));
      if (refused.length > 0) throw new RefusedDeadLetters('dlq', 'topic', refused, 'ERR_MSG_SIZE_TOO_LARGE');
      return [];
    },
    close: async () => undefined,
  };
  return { sink, written, attempts: () => attempts };
}

function offsets() {
  const acked: Origin[] = [];
  return {
    acked,
    ack: (origins: readonly Origin[]) => {
      acked.push(...origins);
      return [];
    },
  };
}

describe('a dead letter that its topic refuses', () => {
  it('holds back its own record, not the rest of its batch, until the topic accepts it', async () => {
    const [large, small] = [poison(), poison()];
    const other = new MemoryOrigin();
    let limit = true;
    const topic = topicThat((record) => limit && record === large);
    const committed = offsets();
    const held = holdRefused(topic.sink, committed, RETRY);
    const batch = batchOf([large, small], [other]);
    expect(await held.deadLetters.write(batch)).toEqual([]);
    held.offsets.ack(batch.origins);
    expect(committed.acked).toEqual([small.source.origin, other]);
    expect(topic.written).toEqual([small]);

    limit = false;
    await expect.poll(() => committed.acked).toContain(large.source.origin);
    expect(topic.written).toEqual([small, large]);
  });

  it('is acknowledged with its batch if the topic accepts it before that', async () => {
    const large = poison();
    let refusals = 1;
    const topic = topicThat(() => refusals-- > 0);
    const committed = offsets();
    const held = holdRefused(topic.sink, committed, RETRY);
    await held.deadLetters.write(batchOf([large]));
    await expect.poll(() => topic.written).toEqual([large]);
    expect(committed.acked).toEqual([]);
    held.offsets.ack([large.source.origin]);
    expect(committed.acked).toEqual([large.source.origin]);
  });

  it('is not retried after the end', async () => {
    const topic = topicThat(() => true);
    const held = holdRefused(topic.sink, offsets(), RETRY);
    await held.deadLetters.write(batchOf([poison()]));
    await expect.poll(topic.attempts).toBeGreaterThan(2);
    held.stop();
    const attempts = topic.attempts();
    await sleep(30);
    expect(topic.attempts()).toBe(attempts);
  });

  it('is not retried when its partition was revoked, while one of another partition is', async () => {
    const [revoked, wanted] = [poison(), poison()];
    let limit = true;
    const topic = topicThat(() => limit);
    const committed = offsets();
    const held = holdRefused(topic.sink, committed, RETRY, (origin) => origin !== revoked.source.origin);
    const batch = batchOf([revoked, wanted]);
    await held.deadLetters.write(batch);
    held.offsets.ack(batch.origins);
    await expect.poll(topic.attempts).toBeGreaterThan(4);
    limit = false;
    await expect.poll(() => committed.acked).toEqual([wanted.source.origin]);
    await sleep(30);
    expect(topic.written).toEqual([wanted]);
  });

  it('does not hide a failure of the topic, after which the whole batch is retried', async () => {
    const down: Sink = {
      ...topicThat(() => false).sink,
      write: () => Promise.reject(new SinkError('dlq', 'unavailable', 'ERR__TRANSPORT')),
    };
    const held = holdRefused(down, offsets(), RETRY);
    await expect(held.deadLetters.write(batchOf([poison()]))).rejects.toMatchObject({ detail: 'ERR__TRANSPORT' });
  });
});
