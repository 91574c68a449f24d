import { expect, it } from 'vitest';
import { connect, disconnect, newConsumer, newProducer } from '../../src/kafka/client/client.ts';
import { pendingNativeCalls } from '../../src/kafka/client/native-calls.ts';
import { freshName } from '../../src/testing/fresh-database.ts';
import { describeWith } from './support/services.ts';

const SECONDS = 1_000;

await describeWith(['kafka'], 'a client of Kafka', ({ kafka }) => {
  const connection = { 'bootstrap.servers': kafka.brokers };

  it.each([
    ['consumer', () => newConsumer({ ...connection, 'group.id': freshName('client') })],
    ['producer', () => newProducer(connection)],
  ] as const)('tells each who disconnects it of its end, and leaves no call behind (%s)', async (_, create) => {
    const client = create();
    await connect(client, 10 * SECONDS);
    await Promise.all([disconnect(client, 60 * SECONDS), disconnect(client, 60 * SECONDS)]);
    await disconnect(client, 60 * SECONDS);
    // A process that has one doesn't end by itself.
    expect(pendingNativeCalls()).toEqual([]);
  });
});
