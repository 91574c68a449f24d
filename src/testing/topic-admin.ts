import { RdKafka } from '@confluentinc/kafka-javascript';

/** Changes topics as their administrator does, and as retention does. All calls but `close` reject with an Error after 10 s. */
export interface TopicAdmin {
  /** Creates a topic with one replica. It may take a moment until every client can use it. */
  createTopic(topic: string, partitions: number): Promise<void>;
  /** Resolves when the deletion was accepted. */
  deleteTopic(topic: string): Promise<void>;
  /** Raises a topic's partition count to `total`. */
  addPartitions(topic: string, total: number): Promise<void>;
  /** Moves the log start of each partition up to the offset. Retried five times. */
  deleteRecords(topic: string, before: ReadonlyMap<number, number>): Promise<void>;
  /** The id of a topic as Kafka's tools print it: base64url. A topic that is created again has another one. */
  topicId(topic: string): Promise<string>;
  /** Disconnects. */
  close(): void;
}

const TIMEOUT_MS = 10_000;
const TRIES = 5;

type Done = (error: RdKafka.LibrdKafkaError | null | undefined) => void;

/** Connects to the cluster of `brokers`, `host:port`, without TLS. The embedded broker has no admin API. */
export function createTopicAdmin(brokers: string): TopicAdmin {
  const admin = RdKafka.AdminClient.create({ 'bootstrap.servers': brokers });
  return {
    createTopic: (topic, partitions) =>
      call((done) => admin.createTopic({ topic, num_partitions: partitions, replication_factor: 1 }, TIMEOUT_MS, done)),
    deleteTopic: (topic) => call((done) => admin.deleteTopic(topic, TIMEOUT_MS, done)),
    addPartitions: (topic, total) => call((done) => admin.createPartitions(topic, total, TIMEOUT_MS, done)),
    async deleteRecords(topic, before) {
      const wanted = [...before].map(([partition, offset]) => ({ topic, partition, offset }));
      if (wanted.length === 0) return;
      const deadlines = { timeout: TIMEOUT_MS, operation_timeout: TIMEOUT_MS };
      // Deleting up to the same offset twice changes nothing. A broker that has just restarted has no leader at first.
      await retried(() => call((done) => admin.deleteRecords(wanted, deadlines, done)));
    },
    topicId: (topic) =>
      new Promise((resolve, reject) =>
        admin.describeTopics([topic], { timeout: TIMEOUT_MS }, (error, [found] = []) => {
          if (found === undefined) reject(new Error(error?.message ?? `there is no topic ${topic}`));
          else resolve(toText(found.topicId));
        }),
      ),
    close: () => void admin.disconnect(),
  };
}

function call(start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error ? reject(new Error(error.message)) : resolve())));
}

async function retried(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

function toText({ mostSignificantBits, leastSignificantBits }: RdKafka.Uuid): string {
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64BE(mostSignificantBits, 0);
  bytes.writeBigInt64BE(leastSignificantBits, 8);
  return bytes.toString('base64url');
}
