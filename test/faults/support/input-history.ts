/**
 * What the input topic has contained since the run began, records that the broker has deleted included. Faults that delete records or the
 * whole topic do it through this class, so that the verdict knows which records may be missing at the end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdmin } from '../../../src/kafka/admin/admin.ts';
import { readTopic } from '../../../src/kafka/admin/read-topic.ts';
import type { Pipeline } from '../../../src/testing/pipeline.ts';
import { createTopicAdmin } from '../../../src/testing/topic-admin.ts';
import type { InputLog, InputPartition, Truncation } from './evidence.ts';

/** The offsets of one partition before a deletion. */
export interface Offsets {
  readonly start: number;
  /** The log start when nothing is committed, or an offset below it. */
  readonly committed: number;
  readonly hadOffset: boolean;
  readonly end: number;
}

/** The log of the topic as it exists now. */
class CurrentLog {
  readonly keys = new Map<number, Map<number, string>>();
  readonly truncated = new Map<number, Truncation[]>();
}

export class InputHistory {
  readonly #pipeline: Pipeline;
  readonly #closed: InputLog[] = [];
  #current = new CurrentLog();

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
  }

  /** Raises the partition count by `count`. */
  async addPartitions(count: number): Promise<void> {
    const { topics, brokers } = this.#pipeline;
    const admin = createTopicAdmin(brokers);
    const before = await this.#offsets();
    try {
      await admin.addPartitions(topics.input, before.size + count);
    } finally {
      admin.close();
    }
  }

  /** Deletes records: of each partition those below what `upTo` returns. */
  async truncate(upTo: (offsets: Offsets) => number): Promise<void> {
    const { topics, brokers } = this.#pipeline;
    const admin = createTopicAdmin(brokers);
    try {
      const before = new Map<number, number>();
      const offsets = await this.#offsets();
      for (const [partition, each] of offsets) {
        const offset = Math.min(each.end, upTo(each));
        if (offset > each.start) before.set(partition, offset);
      }
      await this.#capture(before);
      for (const [partition, to] of before) {
        const { committed: from = 0, hadOffset = false } = offsets.get(partition) ?? {};
        const spans = this.#current.truncated.get(partition) ?? [];
        this.#current.truncated.set(partition, spans);
        if (from < to) spans.push({ from, to, hadOffset });
      }
      await admin.deleteRecords(topics.input, before);
    } finally {
      admin.close();
    }
  }

  /** Deletes the topic and creates it again with as many partitions. Nothing may be sent to it meanwhile. */
  async recreate(absentMs: number): Promise<void> {
    const { topics, brokers } = this.#pipeline;
    const admin = createTopicAdmin(brokers);
    try {
      const topicId = await admin.topicId(topics.input);
      const offsets = await this.#offsets();
      await this.#capture(new Map([...offsets].map(([partition, { end }]) => [partition, end])));
      await admin.deleteTopic(topics.input);
      await sleep(absentMs);
      this.#closed.push({ until: Date.now(), topicId, partitions: this.#partitions(offsets, { deleted: true }) });
      this.#current = new CurrentLog();
      await admin.createTopic(topics.input, offsets.size);
    } finally {
      admin.close();
    }
  }

  /** Every log that the topic has had, in their order. */
  async logs(): Promise<readonly InputLog[]> {
    const offsets = await this.#offsets();
    await this.#capture(new Map([...offsets].map(([partition, { end }]) => [partition, end])));
    const admin = createTopicAdmin(this.#pipeline.brokers);
    const topicId = await admin.topicId(this.#pipeline.topics.input).finally(() => admin.close());
    return [
      ...this.#closed,
      { until: Number.POSITIVE_INFINITY, topicId, partitions: this.#partitions(offsets, { deleted: false }) },
    ];
  }

  #partitions(offsets: ReadonlyMap<number, Offsets>, { deleted }: { readonly deleted: boolean }) {
    const partitions = new Map<number, InputPartition>();
    for (const [partition, { start, committed, end }] of offsets) {
      const keys = [...(this.#current.keys.get(partition) ?? [])].sort(([a], [b]) => a - b);
      partitions.set(partition, {
        start,
        end,
        records: keys.map(([offset, key]) => ({ offset, key })),
        truncated: this.#current.truncated.get(partition) ?? [],
        ...(deleted ? { committedAtDeletion: committed } : {}),
      });
    }
    return partitions;
  }

  /** Remembers the keys of the records up to these offsets that still exist. */
  async #capture(to: ReadonlyMap<number, number>): Promise<void> {
    const { topics, brokers } = this.#pipeline;
    for await (const { partition, offset, key } of readTopic({ 'bootstrap.servers': brokers }, topics.input, { to })) {
      const keys = this.#current.keys.get(partition) ?? new Map<number, string>();
      this.#current.keys.set(partition, keys);
      keys.set(offset, key?.toString() ?? '');
    }
  }

  async #offsets(): Promise<ReadonlyMap<number, Offsets>> {
    const { topics, brokers, group } = this.#pipeline;
    const admin = createAdmin({ 'bootstrap.servers': brokers });
    try {
      const byPartition = (found: readonly { readonly partition: number; readonly offset: number }[]) =>
        new Map(found.map(({ partition, offset }) => [partition, offset]));
      const committed = byPartition(await admin.committedOffsets(group, topics.input));
      const starts = byPartition(await admin.beginOffsets(topics.input));
      const ends = await admin.endOffsets(topics.input);
      return new Map(
        ends.map(({ partition, offset: end }) => {
          const start = starts.get(partition) ?? 0;
          const offset = committed.get(partition);
          return [partition, { start, committed: Math.max(start, offset ?? 0), hadOffset: offset !== undefined, end }];
        }),
      );
    } finally {
      admin.close();
    }
  }
}
