import { setTimeout as sleep } from 'node:timers/promises';
import { SourceError } from '../../errors.ts';
import { type Partition, partitionName } from '../client/types.ts';
import type { SourceEvents } from './events.ts';
import type { GroupQueries, TopicState } from './group-queries.ts';
import { KnownTopics } from './known-topics.ts';
import type { KafkaSourceOptions } from './source-options.ts';
import { isSkip, policyOf, type StartOffset, startOffsetOf } from './start-offsets.ts';
import type { TrackedStart } from './watermark.ts';

const RETRY_MS = 200;

/** Reports skipped records and metadata that isn't used. Returns the start offsets. */
export function reportStarts(starts: readonly StartOffset[], events: SourceEvents): readonly StartOffset[] {
  for (const start of starts) {
    const { reason, left, offset, skipped, unusable } = start;
    if (unusable !== undefined) events.metadataIgnored?.(start, unusable);
    if (isSkip(reason)) events.moved?.(start, reason, left, offset, skipped);
  }
  return starts;
}

/** What the queries use and where they report failures. */
export interface StartQueriesOptions {
  readonly queries: Pick<GroupQueries, 'topics' | 'committed' | 'ranges'>;
  readonly settings: Pick<KafkaSourceOptions, 'config' | 'knownTopics'>;
  /** Called with the reason why the start offsets are unknown. The queries are retried. */
  unknown(reason: string): void;
  /** Called when an assigned topic was recreated since the current client was first assigned it. The client must be replaced. */
  outdated(): void;
}

/**
 * Determines the start offsets of assigned partitions. The client (librdkafka 2.15.1) doesn't, for three reasons. It applies
 * `auto.offset.reset` to committed offsets that are out of range. It doesn't notice a recreated topic. When the assignment changes while
 * it waits for an open transaction, it resets partitions instead of querying again (rdkafka_assignment.c).
 */
export class StartQueries {
  readonly #options: StartQueriesOptions;
  readonly #known: KnownTopics;
  /** Per topic, the id of the topic that the current client was assigned first. */
  readonly #clientIds = new Map<string, string>();

  constructor(options: StartQueriesOptions) {
    this.#options = options;
    this.#known = options.settings.knownTopics ?? new KnownTopics();
  }

  /** To be called with each description of the topics. */
  described(topics: readonly TopicState[]): void {
    this.#known.described(topics);
  }

  /** The id of the topic that this process consumed last under this name. */
  consumedId(topic: string): string | undefined {
    return this.#known.consumedIds.get(topic);
  }

  /** To be called when the client is replaced. */
  newClient(): void {
    this.#clientIds.clear();
  }

  /** The topics that were deleted and created again since the client was first assigned their partitions. */
  recreated(topics: readonly TopicState[]): readonly string[] {
    return topics
      .filter(({ topic, id }) => {
        const consumed = this.#clientIds.get(topic);
        return id !== undefined && consumed !== undefined && id !== consumed;
      })
      .map(({ topic }) => topic);
  }

  /**
   * Queries until every start offset is known, without a time limit: the coordinator may be loading, or a transaction may be open.
   * Resolves to undefined once `wanted()` returns false. A partition that no longer exists is omitted. Rejects with a SourceError
   * `no_committed_offset` when the policy is `committed` and a partition has no committed offset.
   */
  async resolve(partitions: readonly Partition[], wanted: () => boolean): Promise<readonly StartOffset[] | undefined> {
    if (partitions.length === 0) return [];
    while (wanted()) {
      try {
        return await this.#query(partitions);
      } catch (error) {
        if (!(error instanceof SourceError) || error.code === 'no_committed_offset') throw error;
        this.#options.unknown(error.detail);
        await sleep(RETRY_MS);
      }
    }
    return undefined;
  }

  async #query(partitions: readonly Partition[]): Promise<readonly StartOffset[]> {
    const { queries, settings } = this.#options;
    const { firstSeen, consumedIds } = this.#known;
    const names = [...new Set(partitions.map(({ topic }) => topic))];
    const described = await queries.topics(names);
    this.described(described);
    if (this.recreated(described).length > 0) {
      this.#options.outdated();
      return [];
    }
    const topics = new Map(described.map((each) => [each.topic, each]));
    const existing = partitions.filter(({ topic, partition }) => partition < (topics.get(topic)?.partitions ?? 0));
    const all = described.flatMap(({ topic, partitions: count }) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    );
    const [committed, ranges] = await Promise.all([queries.committed(all), queries.ranges(existing)]);
    const facts = {
      policy: policyOf(settings.config),
      topics,
      committed: new Map(committed.map((each) => [partitionName(each), each])),
      ranges,
      firstSeen,
      consumedIds,
    };
    const starts = existing.map((each) => {
      const start = startOffsetOf(each, facts);
      if (start === undefined) throw new SourceError('no_committed_offset', partitionName(each));
      return start;
    });
    this.#known.assigned(starts);
    for (const { topic, topicId } of starts) if (topicId !== undefined) this.#clientIds.set(topic, topicId);
    return starts;
  }
}

/** A start offset in the form that the tracker needs. */
export function toTracked({
  topic,
  partition,
  offset,
  isCommitted,
  topicId,
  firstPartitions,
  done,
}: StartOffset): TrackedStart {
  const start = { topic, partition, offset, isCommitted, done };
  return topicId === undefined ? start : { ...start, log: { topicId, firstPartitions } };
}
