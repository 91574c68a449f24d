import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { freshName } from '../../src/testing/fresh-database.ts';
import { until } from '../../src/testing/until.ts';
import { type TestMember, TestTopics } from './support/kafka-topics.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const LONG = { timeout: 120 * SECONDS };

// With `instance_id`, a member that comes back within the session timeout gets the assignment that it had, and the group has no rebalance.
await describeWith(['kafka'], 'a member with an instance id', ({ kafka }) => {
  const topics = new TestTopics(kafka.brokers);
  const member = (topic: string): TestMember =>
    topics.member(topic, {
      config: {
        'group.instance.id': 'one',
        'session.timeout.ms': 40 * SECONDS,
        'topic.metadata.refresh.interval.ms': 15 * SECONDS,
      },
    });
  const readsAll = (from: TestMember, count: number, prefix: string) =>
    until(`all ${count} records, ${from.values(prefix)} now`, () => from.values(prefix) === count, 45 * SECONDS);

  async function topicOf(records: number): Promise<string> {
    const topic = freshName('static');
    await topics.create(topic);
    await topics.fill(topic, records);
    return topic;
  }

  it('reads every partition of a topic that is recreated with more of them', LONG, async () => {
    const topic = await topicOf(20);
    await using one = member(topic);
    await readsAll(one, 20, 'v');
    await topics.recreate(topic, 4);
    await topics.fill(topic, 100, 'n');
    await readsAll(one, 100, 'n');
  });

  it('reads partitions that were added while it was stopped', LONG, async () => {
    const topic = await topicOf(20);
    {
      await using one = member(topic);
      await readsAll(one, 20, 'v');
    }
    await topics.addPartitions(topic, 4);
    await topics.fill(topic, 100, 'n');
    await using again = member(topic);
    await readsAll(again, 100, 'n');
  });

  it('reads partitions that are added after a restart', LONG, async () => {
    const topic = await topicOf(20);
    {
      await using one = member(topic);
      await readsAll(one, 20, 'v');
    }
    await using again = member(topic);
    await until('it is ready', () => again.problem === undefined, 30 * SECONDS);
    await sleep(3_000);
    await topics.addPartitions(topic, 4);
    await topics.fill(topic, 100, 'n');
    await readsAll(again, 100, 'n');
  });

  it('fails in a transaction when it lacks partitions, and its successor reads them', LONG, async () => {
    const topic = await topicOf(20);
    const config = { 'group.instance.id': 'one', 'session.timeout.ms': 40 * SECONDS };
    const transactional = () => topics.member(topic, { config, commits: 'transaction' });
    {
      await using one = transactional();
      await readsAll(one, 20, 'v');
    }
    await topics.addPartitions(topic, 4);
    await topics.fill(topic, 100, 'n');
    {
      await using again = transactional();
      await until('the source fails', () => again.failure !== undefined, 45 * SECONDS);
      expect(again.failure).toMatchObject({ code: 'unavailable', detail: 'partitions have no owner' });
    }
    await using successor = transactional();
    await readsAll(successor, 100, 'n');
  });
});
