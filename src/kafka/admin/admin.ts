/** Queries and changes of a cluster without joining a group: topics, their offsets, a group's committed offsets. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RdKafka } from '@confluentinc/kafka-javascript';
import { SourceError } from '../../errors.ts';
import {
  connect,
  disconnect,
  ERRORS,
  errorCode,
  errorName,
  type NativeConfig,
  type NativeConsumer,
  type NativeMetadata,
  newConsumer,
  type PartitionOffset,
} from '../client/client.ts';
import { revealed } from '../client/credentials.ts';
import { requireOffsets } from '../client/log-ends.ts';
import { nativeCall } from '../client/native-calls.ts';
import { decodeMetadata, doneRangesOf } from '../consumer/commit-metadata.ts';
import { committedOffsets } from '../consumer/committed-offsets.ts';
import type { DoneRanges } from '../consumer/done-ranges.ts';
import { idOf } from '../consumer/group-queries.ts';

/** The admin operations that the service and the commands need. All but `close` reject with a SourceError. */
export interface KafkaAdmin {
  /** Creates topics. An existing topic is left unchanged. */
  createTopics(names: readonly string[], partitions: number, config?: Readonly<Record<string, string>>): Promise<void>;
  /** Deletes topics. A missing topic is ignored. */
  deleteTopics(names: readonly string[]): Promise<void>;
  /**
   * The partition numbers of a topic; none if it doesn't exist. Rejects with `ERR_TOPIC_AUTHORIZATION_FAILED:TOPIC` if it is denied.
   */
  partitions(topic: string): Promise<readonly number[]>;
  /** The offsets after the last record, per partition. */
  endOffsets(topic: string): Promise<readonly PartitionOffset[]>;
  /** The log start offsets, per partition. */
  beginOffsets(topic: string): Promise<readonly PartitionOffset[]>;
  /**
   * A group's committed offsets of a topic. Partitions without one are omitted. Offsets in an open transaction are not included.
   */
  committedOffsets(group: string, topic: string): Promise<readonly PartitionOffset[]>;
  /** The same, each with the ranges of offsets above it that its metadata lists as done, if they are this topic's. */
  commits(group: string, topic: string): Promise<readonly GroupCommit[]>;
  /** Per partition, the first offset with this timestamp (milliseconds since the epoch) or a later one, else the end offset. */
  offsetsAt(topic: string, timestamp: number): Promise<readonly PartitionOffset[]>;
  /** Whether the group has members. Only the members of an active group may change its offsets. */
  isActive(group: string): Promise<boolean>;
  close(): void;
}

/** A committed offset with the done offsets above it. */
export interface GroupCommit extends PartitionOffset {
  readonly done: DoneRanges;
}

/** Creates the admin client. Its SourceErrors carry librdkafka's error name. `timeoutMs` is the limit of each query. */
export function createAdmin(config: NativeConfig, timeoutMs = 10_000): KafkaAdmin {
  const admin = RdKafka.AdminClient.create(revealed(config));
  const consumers = new Map<string, Promise<NativeConsumer>>();
  const admins = new WeakMap<NativeConsumer, RdKafka.IAdminClient>();

  /** Repeats the query, with new metadata, while partitions have no leader: their topic is new, or a broker has just stopped or started. */
  function listOffsets(topic: string, spec: RdKafka.OffsetSpec): Promise<readonly PartitionOffset[]> {
    return retryWhile(NO_LEADER, timeoutMs, () => listOffsetsOnce(topic, spec));
  }

  async function listOffsetsOnce(topic: string, spec: RdKafka.OffsetSpec): Promise<readonly PartitionOffset[]> {
    const asked = (await partitions(topic)).map((partition) => ({ topic, partition, offset: spec }));
    if (asked.length === 0) return [];
    // On the client whose metadata `partitions` has just refreshed: after a broker has restarted, it refuses the leader epochs that a client
    // remembers, and a client doesn't ask for new ones by itself.
    const refreshed = adminOf(await consumerOf(METADATA_GROUP));
    const found = await ask<RdKafka.ListOffsetsResult[]>('list offsets', (done) =>
      refreshed.listOffsets(asked, { timeout: timeoutMs }, done),
    );
    // A broker that has just started may answer for a partition with an error, whose offset is negative.
    const failed = found?.find(({ error }) => error !== undefined && error !== null)?.error;
    if (failed) throw new SourceError('unavailable', errorName(failed));
    return (found ?? [])
      .map(({ partition, offset }) => ({ topic, partition, offset }))
      .sort((a, b) => a.partition - b.partition);
  }

  /** An admin client on the connections of a consumer. It is closed with the consumer. */
  function adminOf(consumer: NativeConsumer): RdKafka.IAdminClient {
    const known = admins.get(consumer) ?? RdKafka.AdminClient.createFrom(consumer);
    admins.set(consumer, known);
    return known;
  }

  async function endOffsets(topic: string): Promise<readonly PartitionOffset[]> {
    return requireOffsets(await listOffsets(topic, RdKafka.OffsetSpec.LATEST));
  }

  /**
   * Asks for the metadata, which every broker has: librdkafka's mock cluster never answers DescribeTopics. A topic that the metadata lacks is
   * missing or denied, and only DescribeTopics tells which.
   */
  async function partitions(topic: string, group = METADATA_GROUP): Promise<readonly number[]> {
    const consumer = await consumerOf(group);
    const metadata = await ask<NativeMetadata>('metadata', (done) =>
      consumer.getMetadata({ topic, timeout: timeoutMs }, done),
    );
    const listed = metadata?.topics.find(({ name }) => name === topic)?.partitions ?? [];
    if (listed.length === 0) return (await describe(topic)).partitions;
    return listed.map(({ id }) => id).sort((a, b) => a - b);
  }

  /** The group's offsets of a topic's partitions, by partition. */
  async function committed(group: string, topic: string, all: readonly number[]) {
    if (all.length === 0) return [];
    const consumer = await consumerOf(group);
    const asked = all.map((partition) => ({ topic, partition }));
    const found = await retryWhile(LOADING, timeoutMs, () => committedOffsets(consumer, asked, timeoutMs));
    return [...found].sort((a, b) => a.partition - b.partition);
  }

  async function describe(topic: string): Promise<DescribedTopic> {
    const described = await ask<RdKafka.TopicDescription[]>('describe topics', (done) =>
      admin.describeTopics([topic], { timeout: timeoutMs }, done),
    );
    const [found] = described ?? [];
    const error = found?.error;
    // A denied topic must not look like a missing one.
    if (error !== undefined && errorCode(error) !== ERRORS.ERR_UNKNOWN_TOPIC_OR_PART)
      throw new SourceError('unavailable', `${errorName(error)}:${topic}`);
    const numbers = (found?.partitions ?? []).map(({ partition }) => partition).sort((a, b) => a - b);
    return { topic, id: found === undefined ? undefined : idOf(found.topicId), partitions: numbers };
  }

  /**
   * A consumer that never joins the group. The admin client's ListConsumerGroupOffsets crashes (null pointer) when the broker answers
   * NOT_COORDINATOR, as it does while it starts or creates the offsets topic (librdkafka issue 5040). A consumer looks up the coordinator
   * again instead. While a transaction is open, the coordinator answers a read_uncommitted consumer with the last committed offset, and a
   * read_committed one with an error, up to 20 s after a process was killed.
   */
  function consumerOf(group: string): Promise<NativeConsumer> {
    const known = consumers.get(group);
    if (known !== undefined) return known;
    const consumer = newConsumer({
      ...config,
      'group.id': group,
      'enable.auto.commit': false,
      'isolation.level': 'read_uncommitted',
    });
    const opened = connect(consumer, timeoutMs).then(
      () => consumer,
      (error: unknown) => {
        consumers.delete(group);
        throw new SourceError('unavailable', errorName(error));
      },
    );
    consumers.set(group, opened);
    return opened;
  }

  return {
    async createTopics(names, count, topicConfig = {}) {
      for (const topic of names) {
        const wanted = { topic, num_partitions: count, replication_factor: -1, config: { ...topicConfig } };
        await ask<void>(
          'create topic',
          (done) => admin.createTopic(wanted, timeoutMs, (error) => done(error, undefined)),
          ERRORS.ERR_TOPIC_ALREADY_EXISTS,
        );
      }
    },
    async deleteTopics(names) {
      for (const topic of names) {
        await ask<void>(
          'delete topic',
          (done) => admin.deleteTopic(topic, timeoutMs, (error) => done(error, undefined)),
          ERRORS.ERR_UNKNOWN_TOPIC_OR_PART,
        );
      }
    },
    partitions: (topic) => partitions(topic),
    endOffsets,
    async offsetsAt(topic, timestamp) {
      const ends = new Map((await endOffsets(topic)).map((each) => [each.partition, each.offset]));
      const found = await listOffsets(topic, new RdKafka.OffsetSpec(timestamp));
      return found.map((each) => (each.offset >= 0 ? each : { ...each, offset: ends.get(each.partition) ?? 0 }));
    },
    async isActive(group) {
      // Not describeGroups: the client crashes (null pointer) when it finds no coordinator within the timeout.
      const listed = await ask<GroupListing>('list groups', (done) => admin.listGroups({ timeout: timeoutMs }, done));
      const found = listed?.groups.find((each) => each.groupId === group);
      // The group's coordinator may be a broker that did not answer. The group must not look inactive then.
      const [failed] = listed?.errors ?? [];
      if (found === undefined && failed !== undefined) throw new SourceError('unavailable', errorName(failed));
      return found !== undefined && WITH_MEMBERS.has(found.state);
    },
    beginOffsets: async (topic) => requireOffsets(await listOffsets(topic, RdKafka.OffsetSpec.EARLIEST)),
    async committedOffsets(group, topic) {
      const found = await committed(group, topic, await partitions(topic, group));
      return found.map(({ partition, offset }) => ({ topic, partition, offset }));
    },
    async commits(group, topic) {
      const described = await describe(topic);
      return (await committed(group, topic, described.partitions)).map(({ partition, offset, metadata }) => {
        const decoded = decodeMetadata(metadata);
        const done = decoded?.topicId === described.id && decoded !== undefined ? doneRangesOf(decoded, offset) : [];
        return { topic, partition, offset, done: done ?? [] };
      });
    },
    close() {
      admin.disconnect();
      for (const consumer of consumers.values())
        void consumer.then((each) => disconnect(each, timeoutMs)).catch(() => undefined);
    },
  };
}

interface DescribedTopic {
  readonly topic: string;
  readonly id: string | undefined;
  readonly partitions: readonly number[];
}

interface GroupListing {
  readonly groups: readonly RdKafka.GroupOverview[];
  readonly errors: readonly RdKafka.LibrdKafkaError[];
}

/** States of a group that has members. The brokers refuse to alter its offsets. */
const WITH_MEMBERS: ReadonlySet<RdKafka.ConsumerGroupStates> = new Set([
  RdKafka.ConsumerGroupStates.PREPARING_REBALANCE,
  RdKafka.ConsumerGroupStates.COMPLETING_REBALANCE,
  RdKafka.ConsumerGroupStates.STABLE,
]);

const RETRY_MS = 100;

/** The group of the consumer that asks for metadata. It never joins a group. */
const METADATA_GROUP = 'wado-consumer-metadata';

const namesOf = (codes: readonly number[]): ReadonlySet<string> => new Set(codes.map((code) => errorName({ code })));

/** Errors of a coordinator that has just started or is taking over the group. */
const LOADING = namesOf([
  ERRORS.ERR_GROUP_LOAD_IN_PROGRESS,
  ERRORS.ERR_GROUP_COORDINATOR_NOT_AVAILABLE,
  ERRORS.ERR_NOT_COORDINATOR_FOR_GROUP,
]);

/** Errors of partitions whose leader isn't elected yet, doesn't know it yet, or isn't the one that the client's metadata names. */
const NO_LEADER = namesOf([
  // The client's answer when none of the partitions has a leader.
  ERRORS.ERR__NOENT,
  ERRORS.ERR_LEADER_NOT_AVAILABLE,
  ERRORS.ERR_NOT_LEADER_FOR_PARTITION,
  ERRORS.ERR_FENCED_LEADER_EPOCH,
  ERRORS.ERR_UNKNOWN_LEADER_EPOCH,
  ERRORS.ERR_OFFSET_NOT_AVAILABLE,
]);

/** Repeats a query while it fails with one of these errors, for at most `timeoutMs`. */
async function retryWhile<T>(errors: ReadonlySet<string>, timeoutMs: number, query: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await query();
    } catch (error) {
      const transient = error instanceof SourceError && errors.has(error.detail);
      if (!transient || performance.now() > deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** One request as a promise. Rejects with a SourceError; `ignored` is the error code that counts as success. */
async function ask<T>(
  what: string,
  start: (done: (error: unknown, result: T) => void) => void,
  ignored?: number,
): Promise<T | undefined> {
  try {
    return await nativeCall(what, start);
  } catch (error) {
    if (errorCode(error) === ignored) return undefined;
    throw new SourceError('unavailable', errorName(error));
  }
}
