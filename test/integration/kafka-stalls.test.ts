import { expect, it } from 'vitest';
import { connect, disconnect, newProducer } from '../../src/kafka/client/client.ts';
import { nativeCall } from '../../src/kafka/client/native-calls.ts';
import { GroupQueries } from '../../src/kafka/consumer/group-queries.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { until } from '../../src/testing/until.ts';
import { TestTopics } from './support/kafka-topics.ts';
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
      await until('the member is ready', () => member.problem === undefined, 30 * SECONDS);
      await kafka.restart();
      await topics.fill(topic, 1, 'restarted');
      await until('the restarted broker is consumed', () => member.values('restarted') === 1, 60 * SECONDS);
      await topics.recreate(topic);
      await topics.fill(topic, 30, 'new');
      await until('the whole new log is consumed', () => member.values('new') === 30, 120 * SECONDS);
      expect(member.failure).toBeUndefined();
    },
  );
});

await describeWith(['kafka'], 'the end of the records that may be read', ({ kafka }) => {
  it.each([
    ['read_uncommitted', 7],
    ['read_committed', 5],
  ])('counts the records of an open transaction only under read_uncommitted (%s)', async (isolation, end) => {
    const connection = { 'bootstrap.servers': kafka.brokers };
    const topics = new TestTopics(kafka.brokers);
    const topic = freshName('open');
    await topics.create(topic);
    await topics.fill(topic, 5);
    const producer = newProducer({ ...connection, 'transactional.id': topic });
    await connect(producer, 10 * SECONDS);
    await nativeCall<void>('init', (done) => producer.initTransactions(10 * SECONDS, done));
    await nativeCall<void>('begin', (done) => producer.beginTransaction(done));
    for (let n = 0; n < 2; n++) producer.produce(topic, 0, Buffer.from('open'));
    await nativeCall<void>('flush', (done) => producer.flush(10 * SECONDS, done));
    const queries = new GroupQueries({ ...connection, 'group.id': topic, 'isolation.level': isolation });
    const ends = await queries.readableEnds([{ topic, partition: 0 }]);
    expect(Object.fromEntries(ends)).toEqual({ [`${topic}/0`]: end });
    await queries.close();
    await nativeCall<void>('abort', (done) => producer.abortTransaction(10 * SECONDS, done));
    await disconnect(producer, 10 * SECONDS);
  });
});
