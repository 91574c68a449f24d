import { setTimeout as sleep } from 'node:timers/promises';
import { RdKafka } from '@confluentinc/kafka-javascript';
import { SinkError } from '../../errors.ts';
import { ERRORS, type NativeConfig, type NativeProducer } from '../client/client.ts';
import { revealed } from '../client/credentials.ts';
import { nativeCall } from '../client/native-calls.ts';
import { toSinkError } from './produce-errors.ts';

const TIMEOUT_MS = 5_000;
const CREATION_MS = 500;

/**
 * Resolves when a topic exists and may be described. Brokers with auto.create.topics.enable create it on the producer's question. Rejects
 * with a SinkError (`unavailable`) that names the topic: it may be created, and access granted, while the service waits.
 */
export async function checkTopic(
  name: string,
  producer: NativeProducer,
  config: NativeConfig,
  topic: string,
): Promise<void> {
  // The producer's own metadata does not say why a topic has no partitions.
  const admin = RdKafka.AdminClient.create(connectionOf(config));
  try {
    const first = await problemOf(admin, topic);
    if (first?.code !== ERRORS.ERR_UNKNOWN_TOPIC_OR_PART) throwProblem(name, topic, first);
    await nativeCall('metadata', (done) => producer.getMetadata({ topic, timeout: TIMEOUT_MS }, done));
    await sleep(CREATION_MS);
    throwProblem(name, topic, await problemOf(admin, topic));
  } catch (error) {
    throw error instanceof SinkError ? error : toSinkError(name, error, { client: producer, topic });
  } finally {
    admin.disconnect();
  }
}

type Problem = { readonly code: number } | undefined;

async function problemOf(admin: ReturnType<typeof RdKafka.AdminClient.create>, topic: string): Promise<Problem> {
  const [found] = await nativeCall<RdKafka.TopicDescription[]>('describeTopics', (done) =>
    admin.describeTopics([topic], { timeout: TIMEOUT_MS }, done),
  );
  return found?.error;
}

function throwProblem(name: string, topic: string, problem: Problem): void {
  if (problem !== undefined) throw toSinkError(name, problem, { topic });
}

/** A client for administration warns of a producer's own settings. */
function connectionOf(config: NativeConfig): NativeConfig {
  const isConnection = (setting: string) =>
    /^(?:bootstrap|client|socket|reconnect|api|security|ssl|sasl|oauth)/.test(setting);
  return revealed(Object.fromEntries(Object.entries(config).filter(([setting]) => isConnection(setting))));
}
