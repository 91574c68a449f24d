import type { Partition } from '../client/types.ts';
import type { TopicState } from './group-queries.ts';

/**
 * Topics that the broker didn't know when offsets were committed. OffsetCommit names a topic and not its id: repeated after the topic was
 * created again, the commit would put an offset of the deleted log into the new one. So nothing is committed until the topic is verified.
 * A broker that has just started also doesn't know a topic that exists.
 */
export class UnverifiedTopics {
  readonly #topics = new Set<string>();

  /** Whether commits have to wait. */
  get any(): boolean {
    return this.#topics.size > 0;
  }

  /** A commit was refused because a topic is unknown. */
  add(partitions: readonly Partition[]): void {
    for (const { topic } of partitions) this.#topics.add(topic);
  }

  /** Topics that exist, and aren't `recreated`, are still those that the offsets were consumed from. */
  described(topics: readonly TopicState[], recreated: readonly string[]): void {
    for (const { topic, error } of topics)
      if (error === undefined && !recreated.includes(topic)) this.#topics.delete(topic);
  }

  /** These partitions were revoked or have started: no offset from before will be committed. */
  settled(partitions: readonly Partition[]): void {
    for (const { topic } of partitions) this.#topics.delete(topic);
  }
}
