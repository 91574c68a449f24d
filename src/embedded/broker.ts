/**
 * A Kafka broker inside this process: librdkafka's mock cluster. It speaks the Kafka protocol on a loopback port, so the real source and
 * producer run against it. It keeps 5 MB per partition in memory and doesn't store the offsets of transactions: it shows no durability.
 */
import { type NativeError, type NativeMetadata, type NativeProducer, newProducer } from '../kafka/client/client.ts';

/** A running mock broker of librdkafka; see the head of this file. */
export interface EmbeddedBroker {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly partitionsPerTopic: number;
  /** Creates topics; existing ones are left unchanged. Clients can't, because this broker has no CreateTopics. */
  createTopics(names: readonly string[]): Promise<void>;
  /** Ends the broker; its records are gone. May be called twice. */
  close(): Promise<void>;
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const TIMEOUT_MS = 5_000;
const POLL_MS = 20;
/** The mock cluster's number of partitions, which has no setting in this client. */
const PARTITIONS = 4;

/** Starts a broker with these topics. It runs until `close()` or the end of the process. */
export async function startBroker(topics: readonly string[]): Promise<EmbeddedBroker> {
  const client = newProducer({
    'test.mock.num.brokers': 1,
    'bootstrap.servers': 'replaced-by-the-mock-cluster',
    'allow.auto.create.topics': true,
  });
  client.on('event.error', () => undefined);
  client.on('event.log', () => undefined);
  const { brokers } = await metadataOf((done) => client.connect({ timeout: TIMEOUT_MS }, done));
  const broker = brokers[0];
  if (broker === undefined) throw new Error('the mock cluster has no broker');

  // A metadata request for a topic creates it.
  const createTopics = async (names: readonly string[]) => {
    await Promise.all(names.map((name) => created(client, name)));
  };
  let closed: Promise<void> | undefined;
  // The client never calls back on a second `disconnect()`.
  const close = () => {
    closed ??= new Promise((resolve) => client.disconnect(() => resolve()));
    return closed;
  };
  await createTopics(topics);
  return {
    address: `${broker.host}:${broker.port}`,
    partitionsPerTopic: PARTITIONS,
    createTopics,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function created(client: NativeProducer, topic: string): Promise<void> {
  for (const deadline = performance.now() + TIMEOUT_MS; performance.now() < deadline; ) {
    const { topics } = await metadataOf((done) => client.getMetadata({ topic, timeout: TIMEOUT_MS }, done));
    const found = topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
    if (found === PARTITIONS) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error('the mock cluster did not create its topics in time');
}

function metadataOf(
  ask: (done: (error: NativeError | null, metadata: NativeMetadata) => void) => unknown,
): Promise<NativeMetadata> {
  return new Promise((resolve, reject) => {
    ask((error, metadata) => (error ? reject(error) : resolve(metadata)));
  });
}
