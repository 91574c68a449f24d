import type { TopicState } from './group-queries.ts';
import type { StartOffset } from './start-offsets.ts';
import { UnownedPartitions } from './unowned-partitions.ts';

/**
 * What this process knows about the topics that it consumes. It outlives a source, because the broker deletes the committed offsets of a
 * topic together with the topic: after a restart of the topology nothing else shows that a topic was recreated.
 */
export class KnownTopics {
  /** With a transaction, each attempt to get an owner restarts the topology: the next one must still come later. */
  readonly unowned = new UnownedPartitions();
  readonly #firstSeen = new Map<string, number>();
  readonly #consumedIds = new Map<string, string>();

  /** Per topic, the number of partitions when this process first described it; 0 if it didn't exist. */
  get firstSeen(): ReadonlyMap<string, number> {
    return this.#firstSeen;
  }

  /** Per topic, the id of the topic that this process consumed last. */
  get consumedIds(): ReadonlyMap<string, string> {
    return this.#consumedIds;
  }

  /** To be called with each description of the topics: remembers the first partition count of each. */
  described(topics: readonly TopicState[]): void {
    for (const { topic, partitions, error } of topics) {
      const isKnown = error === undefined || error === 'ERR_UNKNOWN_TOPIC_OR_PART';
      if (isKnown && !this.#firstSeen.has(topic)) this.#firstSeen.set(topic, partitions);
    }
  }

  /** To be called with the start offsets of assigned partitions. */
  assigned(starts: readonly StartOffset[]): void {
    for (const { topic, topicId } of starts) if (topicId !== undefined) this.#consumedIds.set(topic, topicId);
  }
}
