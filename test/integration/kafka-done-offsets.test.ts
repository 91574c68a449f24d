import { expect, it } from 'vitest';
import { alterGroupOffsets } from '../../src/kafka/admin/alter-group-offsets.ts';
import { decodeMetadata, doneRangesOf, METADATA_BYTES } from '../../src/kafka/consumer/commit-metadata.ts';
import { countOf } from '../../src/kafka/consumer/done-ranges.ts';
import { GroupQueries } from '../../src/kafka/consumer/group-queries.ts';
import { kafkaOrigin } from '../../src/kafka/consumer/origin.ts';
import { createTransactions } from '../../src/kafka/producer/transactions.ts';
import type { Origin } from '../../src/records/records.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { until } from '../../src/testing/until.ts';
import { type MemberOptions, TestTopics } from './support/kafka-topics.ts';
import { OwnKafka } from './support/own-kafka.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const LONG = { timeout: 90 * SECONDS };

await describeWith(['kafka'], 'records acknowledged above the committed offset', ({ kafka }) => {
  const connection = { 'bootstrap.servers': kafka.brokers };
  const topics = new TestTopics(kafka.brokers);

  async function topicOf(records: number): Promise<string> {
    const topic = freshName('done');
    await topics.create(topic);
    await topics.fill(topic, records);
    return topic;
  }

  /** A member that acknowledges all but the records at these offsets, until `end` of them are consumed. */
  async function consume(topic: string, waiting: (offset: number) => boolean, options: MemberOptions = {}) {
    const member = topics.member(topic, { acknowledges: () => false, ...options });
    const acked: Origin[] = [];
    await until('records are consumed', () => member.seen.length > 0, 30 * SECONDS);
    return {
      member,
      async ackUntil(count: number) {
        await until(`${count} records are consumed`, () => member.seen.length >= count, 30 * SECONDS);
        const ready = member.origins.filter(
          (origin) => !waiting(kafkaOrigin(origin).offset) && !acked.includes(origin),
        );
        acked.push(...ready);
        member.source.ack(ready);
      },
    };
  }

  async function committed(group: string, topic: string) {
    const queries = new GroupQueries({ ...connection, 'group.id': group });
    const [found] = await queries.committed([{ topic, partition: 0 }]);
    await queries.close();
    const metadata = decodeMetadata(found?.metadata);
    return { offset: found?.offset, done: metadata && doneRangesOf(metadata, found?.offset ?? -1) };
  }

  const offsets = (values: readonly { readonly value: string }[]) => values.map(({ value }) => Number(value.slice(1)));

  it('are committed within the commit period, and after it are not emitted again', LONG, async () => {
    const topic = await topicOf(1_000);
    const waits = new Set([10, 500]);
    let skipped = 0;
    {
      const { member, ackUntil } = await consume(topic, (offset) => waits.has(offset));
      await ackUntil(1_000);
      await until(
        'the commit with the done offsets',
        async () => (await committed(topic, topic)).done?.at(-1) === 1_000,
        10 * SECONDS,
      );
      // Nothing else is committed: it ends as if it was killed.
      await member[Symbol.asyncDispose]();
    }
    expect(await committed(topic, topic)).toEqual({ offset: 10, done: [11, 500, 501, 1_000] });
    await using next = topics.member(topic, {
      events: {
        alreadyDone: (records) => {
          skipped += records;
        },
      },
    });
    await topics.fill(topic, 5, 'w');
    await until('the new records are consumed', () => next.values('w') === 5, 30 * SECONDS);
    expect(offsets(next.seen).slice(0, 2)).toEqual([10, 500]);
    expect(next.seen).toHaveLength(7);
    expect(skipped).toBe(988);
    await until('the end is committed', async () => (await committed(topic, topic)).offset === 1_005, 10 * SECONDS);
  });

  it(
    'are repeated by a consumer that does not know the metadata, which continues at the committed offset',
    LONG,
    async () => {
      const topic = await topicOf(20);
      const { member, ackUntil } = await consume(topic, (offset) => offset === 10);
      await ackUntil(20);
      await until('the commit', async () => (await committed(topic, topic)).done?.length === 2, 10 * SECONDS);
      await member[Symbol.asyncDispose]();
      const plain = await committed(topic, topic);
      // What another program commits has no such metadata.
      await alterGroupOffsets(connection, topic, [{ topic, partition: 0, offset: plain.offset ?? -1 }]);
      await using next = topics.member(topic);
      await until('all records from the committed offset on', () => next.seen.length === 10, 30 * SECONDS);
      expect(offsets(next.seen)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    },
  );

  it('are emitted again after another program committed metadata of its own, which is reported', LONG, async () => {
    const topic = await topicOf(20);
    await alterGroupOffsets(connection, topic, [{ topic, partition: 0, offset: 5, metadata: 'bVFLCMyBAA==' }]);
    const ignored: string[] = [];
    await using next = topics.member(topic, { events: { metadataIgnored: (_, reason) => ignored.push(reason) } });
    await until('all records from the committed offset on', () => next.seen.length === 15, 30 * SECONDS);
    expect(ignored).toEqual(['foreign']);
  });

  it('fit into what the broker accepts, and one byte more does not', LONG, async () => {
    const topic = await topicOf(1);
    const commit = (bytes: number) =>
      alterGroupOffsets(connection, topic, [{ topic, partition: 0, offset: 1, metadata: 'x'.repeat(bytes) }]);
    await commit(METADATA_BYTES);
    await expect(commit(METADATA_BYTES + 1)).rejects.toThrow('ERR_OFFSET_METADATA_TOO_LARGE');
  });

  /** Each refusal leads to a size of at most half of the last, down to 256, which this broker accepts. */
  function expectHalved(sizes: readonly number[]): void {
    for (const [index, size] of sizes.entries()) {
      expect(size).toBeGreaterThanOrEqual(256);
      expect(size).toBeLessThanOrEqual(Math.max(256, (sizes[index - 1] ?? 4_096) / 2));
    }
    expect(sizes.length).toBeLessThan(6);
  }

  it('are committed in a transaction in smaller numbers at a broker that accepts less metadata', LONG, async () => {
    await using own = await OwnKafka.start(['offset.metadata.max.bytes=300']);
    const topic = freshName('done-transaction');
    const its = new TestTopics(own.brokers);
    await its.create(topic);
    await its.fill(topic, 4_000);
    const refused: number[] = [];
    const member = its.member(topic, {
      commits: 'transaction',
      acknowledges: () => false,
      events: { metadataRefused: (bytes) => refused.push(bytes) },
    });
    await until('all records are consumed', () => member.seen.length === 4_000, 30 * SECONDS);
    const transactions = createTransactions({
      name: 'test',
      config: { 'bootstrap.servers': own.brokers },
      transactionalId: topic,
      outputsOf: () => [],
      outputs: [],
      deadLetters: { name: 'test', topic: 'none' },
      source: member.source,
    });
    const wanted = member.origins.filter((_, offset) => offset % 5 !== 0);
    const commit = async () => {
      const { now } = transactions.admit(wanted);
      await transactions.commit([{ origins: [...now], grouped: [], poison: [], closedAt: 0 }]);
      return now;
    };
    const commitSmaller = async () => {
      for (;;) {
        try {
          return await commit();
        } catch (error) {
          expect(error).toMatchObject({ code: 'unavailable' });
          expectHalved(refused);
        }
      }
    };
    const now = await commitSmaller();
    expect(refused.length).toBeGreaterThan(0);
    await transactions.close();
    await member[Symbol.asyncDispose]();
    const queries = new GroupQueries({ 'bootstrap.servers': own.brokers, 'group.id': topic });
    const [found] = await queries.committed([{ topic, partition: 0 }]);
    await queries.close();
    const metadata = decodeMetadata(found?.metadata);
    const done = metadata === undefined ? [] : (doneRangesOf(metadata, found?.offset ?? -1) ?? []);
    // Everything that was committed is listed: the rest of the records wait for the next transaction.
    expect(countOf(done)).toBe(now.size);
    expect(now.size).toBeGreaterThan(100);
    expect(now.size).toBeLessThan(wanted.length);
  });

  it('do not keep the offset itself from being committed at a broker that accepts less metadata', LONG, async () => {
    await using own = await OwnKafka.start(['offset.metadata.max.bytes=300']);
    const topic = freshName('done-small');
    const its = new TestTopics(own.brokers);
    await its.create(topic);
    await its.fill(topic, 4_000);
    const refused: number[] = [];
    const member = its.member(topic, {
      acknowledges: () => false,
      events: { metadataRefused: (bytes) => refused.push(bytes) },
    });
    await until('all records are consumed', () => member.seen.length === 4_000, 30 * SECONDS);
    // Every fifth record waits, from 10 on: this needs more than 300 bytes.
    member.source.ack(member.origins.filter((_, offset) => offset < 10 || offset % 5 !== 0));
    const queries = new GroupQueries({ 'bootstrap.servers': own.brokers, 'group.id': topic });
    const found = async () => (await queries.committed([{ topic, partition: 0 }]))[0];
    await until('the watermark is committed', async () => (await found())?.offset === 10, 10 * SECONDS);
    await until('a list that fits', async () => ((await found())?.metadata ?? '').includes('done'), 10 * SECONDS);
    const metadata = decodeMetadata((await found())?.metadata);
    const done = metadata === undefined ? [] : (doneRangesOf(metadata, 10) ?? []);
    expect(done.slice(0, 2)).toEqual([11, 15]);
    expect(done.at(-1)).toBeLessThan(4_000);
    expect(refused.length).toBeGreaterThan(0);
    expectHalved(refused);
    await queries.close();
    await member[Symbol.asyncDispose]();
  });
});
