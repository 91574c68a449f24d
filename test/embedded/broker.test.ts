import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { type EmbeddedBroker, readTopic, startBroker } from '../../src/testing/index.ts';

describe('the embedded broker', () => {
  let broker: EmbeddedBroker;
  const connection = () => ({ 'bootstrap.servers': broker.address });
  beforeAll(async () => {
    broker = await startBroker(['filled']);
  });
  afterAll(() => broker.close());

  async function fill(topic: string, values: readonly string[]): Promise<void> {
    const producer = createProducer({ name: 'test', config: connection(), deadlineMs: 10_000 });
    await producer.send(values.map((value, n) => ({ topic, key: `${n}`, value })));
    await producer.close();
  }

  async function valuesIn(topic: string): Promise<readonly string[]> {
    const values: string[] = [];
    for await (const { value } of readTopic(connection(), topic)) values.push(String(value));
    return values.sort();
  }

  it('gives back every record that a topic got before readTopic was called', async () => {
    await fill('filled', ['a', 'b', 'c']);
    expect(await valuesIn('filled')).toEqual(['a', 'b', 'c']);
    await fill('filled', ['d']);
    expect(await valuesIn('filled')).toEqual(['a', 'b', 'c', 'd']);
  });

  it('creates topics on request, which are empty', async () => {
    await broker.createTopics(['later', 'filled']);
    expect(await valuesIn('later')).toEqual([]);
  });

  it('says which offsets a group has committed: none before the first commit', async () => {
    const admin = createAdmin(connection());
    expect(await admin.partitions('filled')).toHaveLength(broker.partitionsPerTopic);
    expect(await admin.committedOffsets('nobody', 'filled')).toEqual([]);
    admin.close();
  });
});
