import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { until } from '../../src/testing/until.ts';
import { TestTopics } from './support/kafka-topics.ts';
import { OwnKafka } from './support/own-kafka.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const LONG = { timeout: 180 * SECONDS };

await describeWith(['kafka'], 'the readiness of a source', ({ kafka }) => {
  const canStart = kafka.how.startsWith('native');
  const topics = new TestTopics(kafka.brokers);

  it('begins with an assignment, and with the lag of every assigned partition', LONG, async () => {
    const topic = freshName('ready');
    await topics.create(topic, 6);
    await using member = topics.member(topic);
    await until('the member is ready', () => member.problem === undefined, 90 * SECONDS);
    expect(member.starts.size).toBe(6);
    await until('there are six lags', () => member.lags.size === 6, 10 * SECONDS);
    expect([...member.lags.values()]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('includes a member without partitions, when the group has more members than partitions', LONG, async () => {
    const topic = freshName('ready');
    await topics.create(topic, 1);
    await using first = topics.member(topic);
    await until('the first member is ready', () => first.problem === undefined, 90 * SECONDS);
    await using second = topics.member(topic);
    await until('both are ready', () => second.problem === undefined && first.problem === undefined, 90 * SECONDS);
    expect(first.starts.size + second.starts.size).toBeGreaterThanOrEqual(1);
  });

  it('is missing while a topic does not exist, which is named', LONG, async () => {
    const topic = freshName('not-there');
    await using member = topics.member(topic);
    await until(
      'the topic is named as missing',
      () => member.problem === `ERR_UNKNOWN_TOPIC_OR_PART:${topic}`,
      90 * SECONDS,
    );
  });

  it('is taken from the older of two processes with the same instance_id, which ends and says so', LONG, async () => {
    const topic = freshName('fenced');
    await topics.create(topic, 1);
    const config = { 'group.instance.id': 'the-same' };
    await using first = topics.member(topic, { config });
    await until('the first member is ready', () => first.problem === undefined, 90 * SECONDS);
    await using second = topics.member(topic, { config });
    await until('the first member is fenced', () => first.failure !== undefined, 90 * SECONDS);
    expect(first.failure).toMatchObject({ code: 'fenced', detail: 'ERR_FENCED_INSTANCE_ID' });
    await until('the second member is ready', () => second.problem === undefined, 90 * SECONDS);
  });

  it.skipIf(!canStart)('is missing while the group has no coordinator', LONG, async () => {
    await using own = await OwnKafka.start(['offsets.topic.replication.factor=3']);
    const others = new TestTopics(own.brokers);
    const topic = freshName('no-coordinator');
    await others.create(topic, 1);
    await using member = others.member(topic);
    await until(
      'the missing coordinator is named',
      () => member.problem === 'ERR_COORDINATOR_NOT_AVAILABLE',
      90 * SECONDS,
    );
  });

  it.skipIf(!canStart)(
    'is missing while access to the group or to a topic is denied, which is named',
    LONG,
    async () => {
      await using own = await OwnKafka.start([
        'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'allow.everyone.if.no.acl.found=true',
      ]);
      const others = new TestTopics(own.brokers);
      const topic = freshName('denied');
      const hidden = freshName('hidden');
      await others.create(topic, 1);
      await others.create(hidden, 1);
      const deny = ['--add', '--deny-principal', 'User:ANONYMOUS', '--operation', 'READ', '--operation', 'DESCRIBE'];
      await own.tool('tools.AclCommand', ...deny, '--group', topic);
      await own.tool('tools.AclCommand', ...deny, '--topic', hidden);
      await using member = others.member(topic);
      await using other = others.member(hidden);
      await until('the denied group is named', () => member.problem === 'ERR_GROUP_AUTHORIZATION_FAILED', 90 * SECONDS);
      await until(
        'the denied topic is named',
        () => other.problem === `ERR_TOPIC_AUTHORIZATION_FAILED:${hidden}`,
        90 * SECONDS,
      );
      const admin = createAdmin({ 'bootstrap.servers': own.brokers });
      await expect(admin.partitions(hidden)).rejects.toMatchObject({
        detail: `ERR_TOPIC_AUTHORIZATION_FAILED:${hidden}`,
      });
      expect(await admin.partitions(`${hidden}-not`)).toEqual([]);
      admin.close();
      const remove = ['--remove', '--force', ...deny.slice(1)];
      await own.tool('tools.AclCommand', ...remove, '--group', topic);
      await own.tool('tools.AclCommand', ...remove, '--topic', hidden);
      await until('the granted group is joined', () => member.problem === undefined, 60 * SECONDS);
      await until('the granted topic is consumed', () => other.problem === undefined, 60 * SECONDS);
    },
  );

  it.skipIf(!canStart)('is lost when READ is denied while the member runs, and comes back with it', LONG, async () => {
    await using own = await OwnKafka.start([
      'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found=true',
    ]);
    const others = new TestTopics(own.brokers);
    const topic = freshName('revoked');
    await others.create(topic, 2);
    await using member = others.member(topic);
    await until('the member is ready', () => member.problem === undefined, 90 * SECONDS);
    for (const [resource, problem] of [
      ['--topic', `ERR_TOPIC_AUTHORIZATION_FAILED:${topic}`],
      ['--group', 'ERR_GROUP_AUTHORIZATION_FAILED'],
    ] as const) {
      const deny = ['--deny-principal', 'User:ANONYMOUS', '--operation', 'READ', resource, topic];
      const before = member.seen.length;
      await own.tool('tools.AclCommand', '--add', ...deny);
      await until(`${problem} is named`, () => member.problem === problem, 60 * SECONDS);
      await own.tool('tools.AclCommand', '--remove', '--force', ...deny);
      await until('the member is ready again', () => member.problem === undefined, 60 * SECONDS);
      await others.fill(topic, 20);
      await until('the member reads again', () => member.seen.length === before + 20, 30 * SECONDS);
    }
  });

  it.skipIf(!canStart)('is missing while a broker advertises a name that does not resolve', LONG, async () => {
    await using own = await OwnKafka.start(['advertised.listeners=PLAINTEXT://kafka-0.invalid:9092']);
    const topic = freshName('unresolved');
    await using member = new TestTopics(own.brokers).member(topic);
    await until(
      'the advertised name is named',
      () => member.problem === 'advertised_host_unresolved:kafka-0.invalid:9092',
      90 * SECONDS,
    );
  });

  it('is missing while a configured broker does not resolve', LONG, async () => {
    await using member = new TestTopics('kafka-0.invalid:9092').member('any');
    await until(
      'the configured name is named',
      () => member.problem === 'host_unresolved:kafka-0.invalid:9092',
      90 * SECONDS,
    );
  });
});
