import { expect, it } from 'vitest';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { until } from '../../src/testing/until.ts';
import { TestTopics } from './support/kafka-topics.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;
const PARTITIONS = 3;
const RECORDS = 210_000;
/** About 100 records per batch and partition, 10 kB. */
const PER_SEND = 300;
const SENDS_IN_FLIGHT = 4;
/** Fewer bytes than a batch has. */
const FETCH_BYTES = 2_048;

await describeWith(['kafka'], 'a backlog of batches that are larger than max.partition.fetch.bytes', ({ kafka }) => {
  it('is read from all partitions, not from one after the other', { timeout: 120 * SECONDS }, async () => {
    const topics = new TestTopics(kafka.brokers);
    const topic = freshName('backlog');
    await topics.create(topic, PARTITIONS);
    const producer = createProducer({
      name: 'test',
      config: { 'bootstrap.servers': kafka.brokers, 'linger.ms': 20 },
      deadlineMs: 30 * SECONDS,
    });
    const sends = new Set<Promise<void>>();
    for (let first = 0; first < RECORDS; first += PER_SEND) {
      const records = Array.from({ length: PER_SEND }, (_, n) => ({
        topic,
        key: `${first + n}`,
        value: 'v'.repeat(80),
      }));
      const send = producer.send(records).finally(() => sends.delete(send));
      sends.add(send);
      if (sends.size === SENDS_IN_FLIGHT) await Promise.race(sends);
    }
    await Promise.all(sends);
    await producer.close();

    const member = topics.member(topic, {
      acknowledges: () => false,
      limit: 200,
      config: { 'max.partition.fetch.bytes': FETCH_BYTES, 'queued.min.messages': 50 },
    });
    // At most 10,000 records per second, so that the backlog lasts.
    const acknowledging = setInterval(() => member.source.ack(member.origins.splice(0)), 20);
    const partitionOf = ({ place }: { readonly place: string }) => Number(place.split(':')[0]);
    await until('half of the records are consumed', () => member.seen.length >= RECORDS / 2, 100 * SECONDS);
    const counts = Array.from(
      { length: PARTITIONS },
      (_, partition) => member.seen.filter((seen) => partitionOf(seen) === partition).length,
    );
    console.log(`of ${PARTITIONS} partitions: ${counts.join(', ')} records`);
    clearInterval(acknowledging);
    await member[Symbol.asyncDispose]();
    expect(member.failure).toBeUndefined();
    // No record is read twice, or skipped: each partition's offsets are consecutive.
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const offsets = member.seen
        .filter((seen) => partitionOf(seen) === partition)
        .map(({ place }) => place.split(':')[1]);
      expect(offsets).toEqual(offsets.map((_, offset) => String(offset)));
    }
    expect(Math.min(...counts)).toBeGreaterThan(RECORDS / 20);
    await topics.delete(topic);
  });
});
