import { expect, it } from 'vitest';
import { freshName } from './support/fresh.ts';
import { TestTopics, until } from './support/kafka-topics.ts';
import { OwnKafka } from './support/own-kafka.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

await describeWith(['kafka'], 'a partition whose leader epoch goes back', () => {
  it.each(['cooperative-sticky', 'range,roundrobin'])(
    'is read from its beginning after a broker restart and a recreated topic (%s)',
    { timeout: 240 * SECONDS },
    async (strategy) => {
      await using kafka = await OwnKafka.start([]);
      const topics = new TestTopics(kafka.brokers);
      const topic = freshName('epoch');
      await topics.create(topic);
      await topics.fill(topic, 10, 'old');
      await using member = topics.member(topic, {
        config: { 'partition.assignment.strategy': strategy, 'auto.offset.reset': 'latest' },
      });
      await until(() => member.problem === undefined, 30 * SECONDS, 'the member is ready');
      await kafka.restart();
      await topics.fill(topic, 1, 'restarted');
      await until(() => member.values('restarted') === 1, 60 * SECONDS, 'the restarted broker is consumed');
      await topics.recreate(topic);
      await topics.fill(topic, 30, 'new');
      await until(() => member.values('new') === 30, 60 * SECONDS, 'the whole new log is consumed');
      expect(member.failure).toBeUndefined();
    },
  );
});
