import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { alterGroupOffsets } from '../../src/kafka/admin/alter-group-offsets.ts';
import { decodeMetadata, encodeMetadata } from '../../src/kafka/consumer/commit-metadata.ts';
import { GroupQueries } from '../../src/kafka/consumer/group-queries.ts';
import { KnownTopics } from '../../src/kafka/consumer/known-topics.ts';
import { createTransactions } from '../../src/kafka/producer/transactions.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { until } from '../../src/testing/until.ts';
import { TestTopics } from './support/kafka-topics.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const LONG = { timeout: 120 * SECONDS };

await describeWith(['kafka'], 'the position of a group', ({ kafka }) => {
  const topics = new TestTopics(kafka.brokers);

  async function topicOf(records: number, partitions = 1): Promise<string> {
    const topic = freshName('positions');
    await topics.create(topic, partitions);
    if (records > 0) await topics.fill(topic, records);
    return topic;
  }

  /** Consumes and commits all that is there. */
  async function consumed(topic: string, config: object = {}): Promise<void> {
    await using member = topics.member(topic, { config: { ...config } });
    const end = (await topics.ends(topic)).reduce((sum, { offset }) => sum + offset, 0);
    await until('everything is consumed', () => member.seen.length === end, 30 * SECONDS);
  }

  it.each(['earliest', 'latest', 'error'])(
    'goes on at the first record that exists when retention deleted the committed offset (%s)',
    LONG,
    async (reset) => {
      const topic = await topicOf(10);
      await consumed(topic);
      await topics.fill(topic, 30, 'w');
      await topics.deleteRecordsBelow(topic, 25);
      await using member = topics.member(topic, { config: { 'auto.offset.reset': reset } });
      await until('what still exists is consumed', () => member.seen.length >= 15, 30 * SECONDS);
      expect(member.seen[0]?.place).toBe('0:25');
      expect(member.moved).toEqual([{ reason: 'retention', skipped: 15 }]);
      expect(member.starts.get('0')).toEqual({ offset: 25, reason: 'retention' });
    },
  );

  it('reports records that retention deletes while the member is full', LONG, async () => {
    const topic = await topicOf(1);
    let acknowledges = false;
    await using member = topics.member(topic, {
      limit: 1,
      // One batch of one record is prefetched, no more.
      config: { 'queued.min.messages': 1, 'max.partition.fetch.bytes': 1, 'fetch.max.bytes': 1_000_000 },
      acknowledges: () => acknowledges,
    });
    await until('the first record is consumed', () => member.seen.length === 1, 30 * SECONDS);
    for (let n = 0; n < 20; n++) await topics.fill(topic, 1, `w${n}-`);
    await topics.deleteRecordsBelow(topic, 15);
    acknowledges = true;
    member.source.ack(member.origins);
    await until('the last record is consumed', () => member.values('w19') === 1, 30 * SECONDS);
    const [moved] = member.moved;
    expect(moved?.reason).toBe('retention');
    // Records 1 to 14 at most, without the prefetched ones.
    expect(moved?.skipped).toBe(21 - member.seen.length);
  });

  it('goes on at the beginning of a log that ends below the committed offset', LONG, async () => {
    const topic = await topicOf(40);
    await consumed(topic);
    await alterGroupOffsets({ 'bootstrap.servers': kafka.brokers }, topic, [{ topic, partition: 0, offset: 400 }]);
    await using member = topics.member(topic, { config: { 'auto.offset.reset': 'latest' } });
    await until('the whole log is consumed', () => member.seen.length === 40, 30 * SECONDS);
    expect(member.moved).toEqual([{ reason: 'truncated', skipped: 0 }]);
  });

  it('breaks the source under start_offset committed when the group has no offset', LONG, async () => {
    const topic = await topicOf(5);
    await using member = topics.member(topic, { config: { 'auto.offset.reset': 'error' } });
    await until('the source fails', () => member.failure !== undefined, 30 * SECONDS);
    expect(member.failure).toMatchObject({ code: 'no_committed_offset', detail: `${topic}/0` });
    expect(member.seen).toEqual([]);
  });

  it('is committed at the start, so that latest means the first start only', LONG, async () => {
    const topic = await topicOf(5);
    {
      await using member = topics.member(topic, { config: { 'auto.offset.reset': 'latest' } });
      await until(
        'the start offset is committed',
        async () => (await topics.committed(topic, topic)).length === 1,
        30 * SECONDS,
      );
      expect(member.seen).toEqual([]);
    }
    await topics.fill(topic, 3, 'w');
    await using member = topics.member(topic, { config: { 'auto.offset.reset': 'latest' } });
    await until('the records since are consumed', () => member.values('w') === 3, 30 * SECONDS);
    expect(member.seen).toHaveLength(3);
  });

  it('starts a topic over that was recreated while it was consumed, though the new log is longer', LONG, async () => {
    const topic = await topicOf(600);
    await using member = topics.member(topic, { config: { 'topic.metadata.refresh.interval.ms': 300_000 } });
    await until('the old log is consumed', () => member.seen.length === 600, 30 * SECONDS);
    await topics.recreate(topic);
    await topics.fill(topic, 2_000, 'new');
    await until('the whole new log is consumed', () => member.values('new') === 2_000, 60 * SECONDS);
    expect(member.moved).toEqual([{ reason: 'recreated', skipped: 0 }]);
    await until(
      'the end of the new log is committed',
      async () => (await topics.committed(topic, topic))[0]?.offset === 2_000,
      10 * SECONDS,
    );
  });

  it('starts a topic over that was recreated while the service was stopped', LONG, async () => {
    const topic = await topicOf(600);
    await consumed(topic);
    await topics.recreate(topic);
    await topics.fill(topic, 2_000, 'new');
    // The broker deletes a topic's offsets with it; a member that committed after that has brought the old one back.
    const metadata = encodeMetadata({ topicId: 'AAAAr6ldS7W9BlsRwOCikw', firstPartitions: 1 }, 0).text;
    await alterGroupOffsets({ 'bootstrap.servers': kafka.brokers }, topic, [
      { topic, partition: 0, offset: 600, metadata },
    ]);
    await using late = topics.member(topic);
    await until('the whole new log is consumed', () => late.values('new') === 2_000, 60 * SECONDS);
    expect(late.moved).toEqual([{ reason: 'recreated', skipped: 0 }]);
  });

  it.each(['latest', 'error'])(
    'starts a topic over that was recreated, where the broker deleted its offsets and the topology restarts (%s)',
    LONG,
    async (reset) => {
      const topic = await topicOf(10);
      await consumed(topic);
      const config = { 'auto.offset.reset': reset };
      const knownTopics = new KnownTopics();
      {
        await using member = topics.member(topic, { config, knownTopics });
        await until('the member is ready', () => member.problem === undefined, 30 * SECONDS);
      }
      await topics.recreate(topic);
      await topics.fill(topic, 20, 'new');
      await using restarted = topics.member(topic, { config, knownTopics });
      await until('the whole new log is consumed', () => restarted.values('new') === 20, 60 * SECONDS);
      expect(restarted.moved).toEqual([{ reason: 'recreated', skipped: 0 }]);
    },
  );

  it('is committed with the id of its topic in a transaction, too', LONG, async () => {
    const topic = await topicOf(10);
    {
      await using member = topics.member(topic, { commits: 'transaction', acknowledges: () => false });
      await until('the records are consumed', () => member.seen.length === 10, 30 * SECONDS);
      const transactions = createTransactions({
        name: 'test',
        config: { 'bootstrap.servers': kafka.brokers },
        transactionalId: topic,
        outputsOf: () => [],
        outputs: [],
        deadLetters: { name: 'test', topic: 'none' },
        source: member.source,
      });
      await transactions.commit([{ origins: member.origins, grouped: [], poison: [], closedAt: 0 }]);
      await transactions.close();
      await until('the marker is no lag', () => member.lags.get(0) === 0, 15 * SECONDS);
    }
    const queries = new GroupQueries({ 'bootstrap.servers': kafka.brokers, 'group.id': topic });
    const [described] = await queries.topics([topic]);
    const offsetsOf = () => queries.committed([{ topic, partition: 0 }]);
    await until('the transaction is committed', async () => (await offsetsOf())[0]?.offset === 10, 30 * SECONDS);
    const [committed] = await offsetsOf();
    await queries.close();
    expect(decodeMetadata(committed?.metadata)).toEqual({ topicId: described?.id, firstPartitions: 1 });
  });

  it('starts partitions at their beginning that are added while the group runs, also under latest', LONG, async () => {
    const topic = await topicOf(10);
    await using member = topics.member(topic, { config: { 'auto.offset.reset': 'latest' } });
    await until('the member is ready', () => member.problem === undefined, 30 * SECONDS);
    await topics.addPartitions(topic, 3);
    await topics.fill(topic, 300, 'w');
    await until('every record of the new partitions is consumed', () => member.values('w') === 300, 40 * SECONDS);
    expect(member.seen).toHaveLength(300);
  });

  it('starts added partitions at their beginning also in a process that starts later', LONG, async () => {
    const topic = await topicOf(10);
    {
      await using member = topics.member(topic, { config: { 'auto.offset.reset': 'latest' } });
      await until('a first commit', async () => (await topics.committed(topic, topic)).length === 1, 30 * SECONDS);
      expect(member.seen).toEqual([]);
    }
    await topics.addPartitions(topic, 3);
    await topics.fill(topic, 300, 'w');
    await using member = topics.member(topic, { config: { 'auto.offset.reset': 'latest' } });
    await until('every record is consumed', () => member.values('w') === 300, 40 * SECONDS);
  });

  it('starts a topic at its beginning that is created after the process, also under latest', LONG, async () => {
    const topic = freshName('positions-late');
    await using member = topics.member(topic, { config: { 'auto.offset.reset': 'latest' } });
    await until('the topic is missed', () => member.problem?.endsWith(`:${topic}`) === true, 30 * SECONDS);
    await topics.create(topic, 2);
    await topics.fill(topic, 100);
    await until('every record is consumed', () => member.values('v') === 100, 40 * SECONDS);
    expect(member.problem).toBeUndefined();
  });

  it.each([
    ['committed records and their marker', 'read_uncommitted', 'commit'],
    ['aborted records that are never delivered', 'read_committed', 'abort'],
  ] as const)('moves behind %s (%s)', LONG, async (_, isolation, end) => {
    const topic = await topicOf(3);
    await using member = topics.member(topic, { config: { 'isolation.level': isolation } });
    await until('the first records are consumed', () => member.seen.length === 3, 30 * SECONDS);
    await topics.transaction(topic, 20, end);
    await until('the marker is written', async () => (await topics.ends(topic))[0]?.offset === 24, 10 * SECONDS);
    await until(
      'the position behind the marker is committed',
      async () => (await topics.committed(topic, topic))[0]?.offset === 24,
      15 * SECONDS,
    );
    await until('the lag is 0', () => member.lags.get(0) === 0, 15 * SECONDS);
  });

  it('stays below a record that is not acknowledged, whatever control records follow', LONG, async () => {
    const topic = await topicOf(3);
    await using member = topics.member(topic, { acknowledges: () => false });
    await until('the records are consumed', () => member.seen.length === 3, 30 * SECONDS);
    await topics.transaction(topic, 1, 'commit');
    await until('the record of the transaction is consumed', () => member.seen.length === 4, 30 * SECONDS);
    await sleep(3 * SECONDS);
    expect(await topics.committed(topic, topic)).toEqual([{ topic, partition: 0, offset: 0 }]);
  });
});
