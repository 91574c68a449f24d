import { expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { readTopic } from '../../src/kafka/admin/read-topic.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { TestTopics } from './support/kafka-topics.ts';
import { OwnKafka } from './support/own-kafka.ts';
import { describeWith } from './support/services.ts';

await describeWith(['kafka'], 'the offsets of a topic that is being created', ({ kafka }) => {
  it('are listed as soon as it exists, although its partitions have no leaders yet', { timeout: 60_000 }, async () => {
    const config = { 'bootstrap.servers': kafka.brokers };
    const maker = createAdmin(config);
    for (let attempt = 0; attempt < 5; attempt++) {
      const topic = freshName('new');
      const created = maker.createTopics([topic], 50);
      let listed: readonly unknown[] = [];
      while (listed.length === 0) {
        // A new client each time: one that has asked before knows the topic already.
        const admin = createAdmin(config);
        listed = await admin.endOffsets(topic);
        admin.close();
      }
      expect(listed).toHaveLength(50);
      await created;
      await maker.deleteTopics([topic]);
    }
    maker.close();
  });
});

await describeWith(['kafka'], 'an admin client that outlives a restart of its broker', () => {
  it('lists offsets again, although the partitions have a new leader epoch', async () => {
    await using kafka = await OwnKafka.start([]);
    const admin = createAdmin({ 'bootstrap.servers': kafka.brokers });
    const topic = freshName('restart');
    await admin.createTopics([topic], 1);
    await expect.poll(() => admin.endOffsets(topic), { timeout: 10_000 }).toHaveLength(1);
    await kafka.restart();
    await expect
      .poll(() => admin.beginOffsets(topic).catch(() => []), { timeout: 30_000 })
      .toEqual([{ topic, partition: 0, offset: 0 }]);
    admin.close();
  });
});

await describeWith(['kafka'], 'reading a topic whose broker stops', () => {
  it('ends with an error', { timeout: 60_000 }, async () => {
    await using kafka = await OwnKafka.start([]);
    const topics = new TestTopics(kafka.brokers);
    const topic = freshName('stops');
    await topics.create(topic);
    await topics.fill(topic, 2_000, 'v'.repeat(1_000));
    // Small fetches, so that most records are still on the broker when it stops.
    const config = {
      'bootstrap.servers': kafka.brokers,
      'queued.max.messages.kbytes': 1,
      'fetch.message.max.bytes': 20_000,
    };
    let read = 0;
    const reading = (async () => {
      for await (const _ of readTopic(config, topic, { idleMs: 2_000 })) if (read++ === 0) await kafka.stop();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'unavailable', detail: 'ERR__TIMED_OUT' });
    expect(read).toBeLessThan(2_000);
  });
});
