import { setTimeout as sleep } from 'node:timers/promises';
import { RdKafka } from '@confluentinc/kafka-javascript';
import { ERRORS, type NativeConfig, type NativeMetadata, type NativeProducer } from '../client/client.ts';
import { revealed } from '../client/credentials.ts';
import { nativeCall } from '../client/native-calls.ts';
import { toSinkError } from './produce-errors.ts';

const TIMEOUT_MS = 5_000;
const CREATION_MS = 500;

/**
 * Resolves when a topic exists and may be described. The producer's metadata request creates it on brokers with
 * auto.create.topics.enable. Rejects with a SinkError (`unavailable`) that names the topic, since it may be created later.
 */
export async function checkTopic(
  name: string,
  producer: NativeProducer,
  config: NativeConfig,
  topic: string,
): Promise<void> {
  try {
    if (await hasPartitions(producer, topic)) return;
    await sleep(CREATION_MS);
    if (await hasPartitions(producer, topic)) return;
    throw await problemOf(config, topic);
  } catch (error) {
    throw toSinkError(name, error, { client: producer, topic });
  }
}

async function hasPartitions(producer: NativeProducer, topic: string): Promise<boolean> {
  const { topics } = await nativeCall<NativeMetadata>('metadata', (done) =>
    producer.getMetadata({ topic, timeout: TIMEOUT_MS }, done),
  );
  return topics.some((found) => found.name === topic && found.partitions.length > 0);
}

/** Why a topic has no partitions. The producer's metadata doesn't say; an admin client's DescribeTopics does. */
async function problemOf(config: NativeConfig, topic: string): Promise<unknown> {
  const admin = RdKafka.AdminClient.create(connectionOf(config));
  try {
    const [found] = await nativeCall<RdKafka.TopicDescription[]>('describeTopics', (done) =>
      admin.describeTopics([topic], { timeout: TIMEOUT_MS }, done),
    );
    return found?.error ?? Object.assign(new Error('no partitions'), { code: ERRORS.ERR_UNKNOWN_TOPIC_OR_PART });
  } finally {
    admin.disconnect();
  }
}

/** The connection settings only: an admin client logs a warning for each producer setting. */
function connectionOf(config: NativeConfig): NativeConfig {
  const isConnection = /^(?:bootstrap|client|socket|reconnect|api|security|ssl|enable\.ssl|sasl|oauth)/;
  return revealed(Object.fromEntries(Object.entries(config).filter(([setting]) => isConnection.test(setting))));
}
