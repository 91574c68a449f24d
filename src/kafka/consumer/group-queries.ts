import { RdKafka } from '@confluentinc/kafka-javascript';
import { SourceError } from '../../errors.ts';
import { connect, disconnect, disconnectReason, ERRORS, errorCode, errorName, newConsumer } from '../client/client.ts';
import { requireOffsets } from '../client/log-ends.ts';
import { nativeCall } from '../client/native-calls.ts';
import {
  type NativeConfig,
  type NativeConsumer,
  type NativeMetadata,
  type Partition,
  partitionName,
} from '../client/types.ts';
import { type CommittedOffset, committedOffsets } from './committed-offsets.ts';

/** A topic as the brokers describe it. */
export interface TopicState {
  readonly topic: string;
  /** Kafka's own form of the id (`kafka-topics.sh --describe`); undefined when the topic doesn't exist or the broker has no ids. */
  readonly id: string | undefined;
  readonly partitions: number;
  /** librdkafka's name of the error, e.g. ERR_UNKNOWN_TOPIC_OR_PART or ERR_TOPIC_AUTHORIZATION_FAILED. */
  readonly error?: string;
}

/** The offsets of the first record and after the last one. */
export interface LogRange {
  readonly begin: number;
  readonly end: number;
}

const CONNECT_TIMEOUT_MS = 3_000;
const QUERY_TIMEOUT_MS = 3_000;
const CLOSE_TIMEOUT_MS = 5_000;
const MAX_EVENTS = 1_000;

interface Client {
  readonly consumer: NativeConsumer;
  readonly admin: RdKafka.IAdminClient;
}

/**
 * Queries about a group's topics, on separate connections. A broker answers the requests of one connection in order: on the member's
 * connection, a query would wait behind a fetch (fetch.wait.max.ms) or a rebalance, time out, and make librdkafka drop that connection.
 * Each query connects if needed and rejects with a SourceError. A client that could not connect is replaced at the next query.
 */
export class GroupQueries {
  readonly #config: NativeConfig;
  readonly #pending = new Set<Promise<unknown>>();
  #client: Promise<Client> | undefined;
  /**
   * Whether the brokers answer DescribeTopics; undefined before the first answer. librdkafka's mock cluster, the demo's broker, never
   * does: its Metadata answer has the partition counts, but no topic ids.
   */
  #describes: boolean | undefined;
  #closed = false;

  /** `config` is that of the group's member. The client of the queries never joins the group. */
  constructor(config: NativeConfig) {
    const { 'group.instance.id': _, 'statistics.interval.ms': __, ...rest } = config;
    this.#config = { ...rest, 'enable.auto.commit': false };
  }

  /** Describes topics. One that doesn't exist or is denied has an `error`. */
  topics(names: readonly string[]): Promise<readonly TopicState[]> {
    return this.#ask(async (client) => {
      // Polls, because the client's events accumulate until then.
      client.consumer.consume(MAX_EVENTS, () => undefined);
      if (this.#describes === false) return await topicsOfMetadata(client, names);
      try {
        const found = await describeTopics(client, names);
        this.#describes = true;
        return found;
      } catch (error) {
        if (this.#describes === true || errorCode(error) !== ERRORS.ERR__TIMED_OUT) throw error;
        const found = await topicsOfMetadata(client, names);
        this.#describes = false;
        return found;
      }
    });
  }

  /** The group's committed offsets with their metadata; partitions without one are omitted (see `committedOffsets`). */
  committed(partitions: readonly Partition[]): Promise<readonly CommittedOffset[]> {
    return this.#ask(({ consumer }) => committedOffsets(consumer, partitions, QUERY_TIMEOUT_MS));
  }

  /** Where the logs of partitions begin and end, by `partitionName`. `end` includes records of open transactions. */
  async ranges(partitions: readonly Partition[]): Promise<ReadonlyMap<string, LogRange>> {
    const [begins, ends] = await Promise.all([
      this.#offsets(partitions, RdKafka.OffsetSpec.EARLIEST),
      this.#offsets(partitions, RdKafka.OffsetSpec.LATEST),
    ]);
    return new Map(
      [...ends].flatMap(([name, end]) => {
        const begin = begins.get(name);
        return begin === undefined ? [] : [[name, { begin, end }] as const];
      }),
    );
  }

  /**
   * The offset after the last record that may be read, by `partitionName`: with `read_committed`, the first record of an open transaction
   * ends it (the last stable offset).
   */
  readableEnds(partitions: readonly Partition[]): Promise<ReadonlyMap<string, number>> {
    const { READ_COMMITTED, READ_UNCOMMITTED } = RdKafka.IsolationLevel;
    const isolation = this.#config['isolation.level'] === 'read_uncommitted' ? READ_UNCOMMITTED : READ_COMMITTED;
    return this.#offsets(partitions, RdKafka.OffsetSpec.LATEST, isolation);
  }

  /** Waits for the queries in progress, each of which has a timeout, and disconnects. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#pending);
    await this.#drop();
  }

  #offsets(
    partitions: readonly Partition[],
    spec: RdKafka.OffsetSpec,
    isolationLevel = RdKafka.IsolationLevel.READ_UNCOMMITTED,
  ): Promise<ReadonlyMap<string, number>> {
    if (partitions.length === 0) return Promise.resolve(new Map());
    const asked = partitions.map(({ topic, partition }) => ({ topic, partition, offset: spec }));
    return this.#ask(async ({ admin }) => {
      const found = await nativeCall<RdKafka.ListOffsetsResult[]>('list offsets', (done) =>
        admin.listOffsets(asked, { timeout: QUERY_TIMEOUT_MS, isolationLevel }, done),
      );
      return new Map(requireOffsets(found).map((each) => [partitionName(each), each.offset]));
    });
  }

  async #ask<T>(query: (client: Client) => Promise<T>): Promise<T> {
    if (this.#closed) throw new SourceError('unavailable', 'closed');
    const answer = this.#connected().then(query);
    this.#pending.add(answer);
    try {
      return await answer;
    } catch (error) {
      throw error instanceof SourceError ? error : new SourceError('unavailable', errorName(error));
    } finally {
      this.#pending.delete(answer);
    }
  }

  /** The one client that all queries share. */
  #connected(): Promise<Client> {
    this.#client ??= this.#open();
    return this.#client;
  }

  async #open(): Promise<Client> {
    let consumer: NativeConsumer | undefined;
    try {
      consumer = newConsumer(this.#config);
      consumer.on('event.error', () => undefined);
      consumer.setDefaultConsumeTimeout(0);
      await connect(consumer, CONNECT_TIMEOUT_MS);
      return { consumer, admin: RdKafka.AdminClient.createFrom(consumer) };
    } catch (error) {
      this.#client = undefined;
      if (consumer !== undefined) void disconnect(consumer, CLOSE_TIMEOUT_MS);
      throw new SourceError('unavailable', disconnectReason(consumer, error));
    }
  }

  async #drop(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    if (client !== undefined) await disconnect(client.consumer, CLOSE_TIMEOUT_MS);
  }
}

async function describeTopics({ admin }: Client, names: readonly string[]): Promise<readonly TopicState[]> {
  const found = await nativeCall<RdKafka.TopicDescription[]>('describe topics', (done) =>
    admin.describeTopics([...names], { timeout: QUERY_TIMEOUT_MS }, done),
  );
  return found.map(({ name, topicId, partitions, error }) => ({
    topic: name,
    id: idOf(topicId),
    partitions: partitions.length,
    ...(error === undefined ? {} : { error: errorName(error) }),
  }));
}

async function topicsOfMetadata({ consumer }: Client, names: readonly string[]): Promise<readonly TopicState[]> {
  const { topics } = await nativeCall<NativeMetadata>('metadata', (done) =>
    consumer.getMetadata({ timeout: QUERY_TIMEOUT_MS }, done),
  );
  return names.toSorted().map((topic) => {
    const partitions = topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
    const error = partitions > 0 ? {} : { error: errorName({ code: ERRORS.ERR_UNKNOWN_TOPIC_OR_PART }) };
    return { topic, id: undefined, partitions, ...error };
  });
}

/** An id in Kafka's own form; undefined for the id of no topic. */
export function idOf({ mostSignificantBits, leastSignificantBits }: RdKafka.Uuid): string | undefined {
  if (mostSignificantBits === 0n && leastSignificantBits === 0n) return undefined;
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64BE(mostSignificantBits, 0);
  bytes.writeBigInt64BE(leastSignificantBits, 8);
  return bytes.toString('base64url');
}
