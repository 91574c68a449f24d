import { type Partition, type PartitionOffset, partitionName } from '../client/types.ts';
import type { GroupQueries, TopicState } from './group-queries.ts';

/** Lag of one partition: records between the group's offset and the end; undefined while the brokers don't answer. */
export interface PartitionLag extends Partition {
  readonly lag: number | undefined;
}

export interface MonitorOptions {
  readonly queries: Pick<GroupQueries, 'topics' | 'ranges'>;
  readonly topics: readonly string[];
  /** The assigned partitions, and the offset that the group would continue each from; -1 while it isn't known. */
  assigned(): readonly PartitionOffset[];
  described(topics: readonly TopicState[]): void;
  lags(lags: readonly PartitionLag[]): void;
}

const PERIOD_MS = 5_000;

/** Describes the topics and queries the lag, every few seconds and on demand, one query after the other. */
export class GroupMonitor {
  readonly #options: MonitorOptions;
  #timer: NodeJS.Timeout | undefined;
  #isQuerying = false;
  /** Whether a check was asked for while a query was under way. */
  #isDue = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.check(), PERIOD_MS);
    this.check();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Queries now, or behind the query that is under way. */
  check(): void {
    this.#isDue = true;
    if (!this.#isQuerying) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isQuerying = true;
    while (this.#isDue && this.#timer !== undefined) {
      this.#isDue = false;
      await this.#query();
    }
    this.#isQuerying = false;
  }

  async #query(): Promise<void> {
    const { queries, topics, described } = this.#options;
    try {
      const found = await queries.topics(topics);
      if (this.#timer !== undefined) described(found);
    } catch {
      // The client itself reports why the brokers don't answer. The lag is unknown then, too.
    }
    await this.#queryLags();
  }

  async #queryLags(): Promise<void> {
    const { queries, assigned, lags } = this.#options;
    let ends: ReadonlyMap<string, { readonly end: number }> = new Map();
    try {
      ends = await queries.ranges(assigned());
    } catch {
      // Unknown: reported as such below.
    }
    if (this.#timer === undefined) return;
    // A partition that was revoked meanwhile is its next owner's to report.
    lags(
      assigned().map(({ topic, partition, offset }) => {
        const end = ends.get(partitionName({ topic, partition }))?.end;
        const known = end !== undefined && offset >= 0;
        return { topic, partition, lag: known ? Math.max(0, end - offset) : undefined };
      }),
    );
  }
}
