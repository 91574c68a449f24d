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

let made = 0;

function poison(): PoisonRecord {
  // No two of them are equal.
  const source = { origin: new MemoryOrigin(), key: Buffer.from(String(made++)), value: null, headers: [] };
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
});

/** A dead-letter topic that can be down. Each attempt is recorded. */
function topicThatIsDown() {
  const written: PoisonRecord[] = [];
  const attempts: (readonly PoisonRecord[])[] = [];
  const state = { down: true, error: new SinkError('dlq', 'unavailable', 'ERR_TOPIC_AUTHORIZATION_FAILED') };
  const sink: Sink = {
    name: 'dlq',
    connect: async () => undefined,
    async write({ poison: letters }) {
      attempts.push(letters);
      if (state.down) throw state.error;
      written.push(...letters);
      return [];
    },
    close: async () => undefined,
  };
  return { sink, written, attempts, state };
}

describe('a dead-letter topic that can not be written', () => {
  it('holds back the records of dead letters alone, and retries the oldest one only, until it can', async () => {
    const topic = topicThatIsDown();
    const committed = offsets();
    const reports: boolean[] = [];
    const held = holdRefused(topic.sink, committed, { ...RETRY, onHeld: (_, isHeld) => reports.push(isHeld) });
    const letters = [poison(), poison(), poison()];
    const others = letters.map(() => new MemoryOrigin());
    for (const [n, letter] of letters.entries()) {
      const batch = batchOf([letter], others.slice(n, n + 1));
      expect(await held.deadLetters.write(batch)).toEqual([]);
      held.offsets.ack(batch.origins);
    }
    expect(committed.acked).toEqual(others);
    await expect.poll(() => topic.attempts.length).toBeGreaterThan(5);
    expect(new Set(topic.attempts.flat())).toEqual(new Set(letters.slice(0, 1)));
    expect(reports).toEqual([true, true, true]);

    topic.state.down = false;
    await expect.poll(() => committed.acked).toHaveLength(6);
    expect(topic.written).toEqual(letters);
    expect(reports).toEqual([true, true, true, false, false, false]);
    // It works again: the next one is written at once.
    const next = poison();
    await held.deadLetters.write(batchOf([next]));
    expect(topic.written).toEqual([...letters, next]);
  });

  it('keeps nothing of a batch but its dead letters, and nothing of a revoked partition', async () => {
    const topic = topicThatIsDown();
    const batches: GroupedBatch[] = [];
    const revoked = new Set<Origin>();
    const committed = offsets();
    const sink: Sink = {
      ...topic.sink,
      write: (batch) => {
        batches.push(batch);
        return topic.sink.write(batch);
      },
    };
    const held = holdRefused(sink, committed, RETRY, (origin) => !revoked.has(origin));
    const [lost, kept] = [poison(), poison()];
    for (const letter of [lost, kept]) {
      const batch = { ...batchOf([letter], [new MemoryOrigin()]), withAllRows: async () => [] };
      await held.deadLetters.write(batch);
      held.offsets.ack([letter.source.origin]);
    }
    revoked.add(lost.source.origin);
    await expect.poll(() => topic.attempts.at(-1)).toEqual([kept]);
    topic.state.down = false;
    await expect.poll(() => committed.acked.includes(kept.source.origin)).toBe(true);
    expect([topic.written, committed.acked.length]).toEqual([[kept], 1]);
    for (const { origins, grouped, withAllRows } of batches)
      expect([origins.length, grouped, withAllRows]).toEqual([1, [], undefined]);
  });

  it('refuses a single dead letter when it works again, and that one is held alone', async () => {
    const topic = topicThatIsDown();
    const large = poison();
    let limit = true;
    const sink: Sink = {
      ...topic.sink,
      async write(batch) {
        if (!topic.state.down && limit && batch.poison.includes(large))
          throw new RefusedDeadLetters('dlq', 'topic', [large], 'ERR_MSG_SIZE_TOO_LARGE');
        return await topic.sink.write(batch);
      },
    };
    const committed = offsets();
    const held = holdRefused(sink, committed, RETRY);
    const letters = [poison(), large, poison()];
    for (const letter of letters) {
      await held.deadLetters.write(batchOf([letter]));
      held.offsets.ack([letter.source.origin]);
    }
    topic.state.down = false;
    await expect.poll(() => committed.acked).toHaveLength(2);
    expect(committed.acked).not.toContain(large.source.origin);
    limit = false;
    await expect.poll(() => committed.acked).toContain(large.source.origin);
  });

  it('ends the topology with the first dead letter after an error that no retry can resolve', async () => {
    const topic = topicThatIsDown();
    const held = holdRefused(topic.sink, offsets(), RETRY);
    await held.deadLetters.write(batchOf([poison()]));
    topic.state.error = new SinkError('dlq', 'misconfigured', 'ERR__INVALID_ARG');
    const after = async () => {
      for (;;) await held.deadLetters.write(batchOf([poison()])).then(() => sleep(5));
    };
    await expect(after()).rejects.toMatchObject({ code: 'misconfigured' });
  });

  it('is not retried after the end', async () => {
    const topic = topicThatIsDown();
    const held = holdRefused(topic.sink, offsets(), RETRY);
    for (let n = 0; n < 3; n++) await held.deadLetters.write(batchOf([poison()]));
    await expect.poll(() => topic.attempts.length).toBeGreaterThan(2);
    held.stop();
    const before = topic.attempts.length;
    await sleep(30);
    expect(topic.attempts.length).toBe(before);
  });
});
