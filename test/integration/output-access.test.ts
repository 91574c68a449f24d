import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { Delivery } from '../../src/kafka/producer/delivery.ts';
import { createProducer, type Producer } from '../../src/kafka/producer/producer.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { OwnKafka } from './support/own-kafka.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const LONG = { timeout: 240 * SECONDS };

await describeWith(['kafka'], 'an output topic', ({ kafka }) => {
  const canStart = kafka.how.startsWith('native');

  const producerOf = (own: OwnKafka) => {
    const settings = { 'enable.idempotence': true, acks: -1, 'message.timeout.ms': 0 };
    const config = { 'bootstrap.servers': own.brokers, 'topic.metadata.propagation.max.ms': 5_000, ...settings };
    return createProducer({ name: 'image_topic', config, deadlineMs: 20 * SECONDS });
  };

  const detailOf = (work: Promise<unknown>) =>
    work.then(
      () => 'no error',
      ({ code, detail }) => `${code} ${detail}`,
    );

  async function untilDelivered(producer: Producer, delivery: Delivery): Promise<void> {
    await expect.poll(() => detailOf(producer.deliver(delivery)), { timeout: 60 * SECONDS }).toBe('no error');
  }

  it.skipIf(!canStart)(
    'that does not exist is named at start and while running, until it is created',
    LONG,
    async () => {
      await using own = await OwnKafka.start(['auto.create.topics.enable=false']);
      const admin = createAdmin({ 'bootstrap.servers': own.brokers });
      const producer = producerOf(own);
      const topic = freshName('images');
      const missing = `unavailable ERR_UNKNOWN_TOPIC_OR_PART: there is no topic ${topic}`;
      expect(await detailOf(producer.connect(topic))).toBe(missing);
      await admin.createTopics([topic], 1);
      await expect.poll(() => detailOf(producer.connect(topic)), { timeout: 30 * SECONDS }).toBe('no error');

      await admin.deleteTopics([topic]);
      const delivery = new Delivery([{ topic, key: 'k', value: 'v' }]);
      await expect
        .poll(() => detailOf(producer.deliver(delivery)), { timeout: 60 * SECONDS })
        .toMatch(new RegExp(`^unavailable ERR_\\w+: there is no topic ${topic}$`));
      await admin.createTopics([topic], 1);
      await untilDelivered(producer, delivery);
      expect((await admin.endOffsets(topic))[0]?.offset).toBe(1);
      await producer.close();
      admin.close();
    },
  );

  it.skipIf(!canStart)('whose access is denied is named as such, not as missing', LONG, async () => {
    await using own = await OwnKafka.start([
      'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found=true',
      'auto.create.topics.enable=false',
    ]);
    const admin = createAdmin({ 'bootstrap.servers': own.brokers });
    const producer = producerOf(own);
    const topic = freshName('images');
    await admin.createTopics([topic], 1);
    const denied = `unavailable ERR_TOPIC_AUTHORIZATION_FAILED: access denied to topic ${topic}`;
    const deny = (operation: string) => ['--deny-principal', 'User:ANONYMOUS', '--operation', operation];
    await own.tool('tools.AclCommand', '--add', ...deny('WRITE'), '--topic', topic);
    const delivery = new Delivery([{ topic, key: 'k', value: 'v' }]);
    await expect.poll(() => detailOf(producer.deliver(delivery)), { timeout: 30 * SECONDS }).toBe(denied);
    await own.tool('tools.AclCommand', '--add', ...deny('DESCRIBE'), '--topic', topic);
    const other = producerOf(own);
    expect(await detailOf(other.connect(topic))).toBe(denied);
    for (const operation of ['WRITE', 'DESCRIBE'])
      await own.tool('tools.AclCommand', '--remove', '--force', ...deny(operation), '--topic', topic);
    await untilDelivered(producer, delivery);
    expect((await admin.endOffsets(topic))[0]?.offset).toBe(1);
    await Promise.all([producer.close(), other.close()]);
    admin.close();
  });
});
