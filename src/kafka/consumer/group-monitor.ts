import { type Partition, type PartitionOffset, partitionName } from '../client/types.ts';
import type { GroupQueries, TopicState } from './group-queries.ts';

/** Lag of one partition: records between the group's offset and the end; undefined while either is unknown. */
export interface PartitionLag extends Partition {
  readonly lag: number | undefined;
}

/** What the monitor queries and where it reports. */
export interface MonitorOptions {
  readonly queries: Pick<GroupQueries, 'topics' | 'ranges' | 'readableEnds' | 'committed'>;
  readonly topics: readonly string[];
  /** The assigned partitions with the group's offset of each; -1 while it is unknown. */
  assigned(): readonly PartitionOffset[];
  described(topics: readonly TopicState[]): void;
  /**
   * Called with the partitions that no member of the group owns. They are not queried without it. An owner commits soon, so a partition with
   * records and without an offset of the group has none. (The client's describeGroups crashes when the group has an error.)
   */
  readonly unowned?: ((partitions: readonly Partition[]) => void) | undefined;
  lags(lags: readonly PartitionLag[]): void;
  /** Called with the offset after the last readable record of each partition, by `partitionName`; empty while they are unknown. */
  readable(ends: ReadonlyMap<string, number>): void;
}

const PERIOD_MS = 5_000;

/** Describes the topics and queries the lag, every few seconds and on demand, one query at a time. */
export class GroupMonitor {
  readonly #options: MonitorOptions;
  #timer: NodeJS.Timeout | undefined;
  #isQuerying = false;
  /** Whether a check was requested during a query. */
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

  /** Queries now, or after the query in progress. */
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
    const { queries, topics, described, unowned } = this.#options;
    try {
      const found = await queries.topics(topics);
      if (this.#timer !== undefined) described(found);
      const partitions = unowned === undefined ? [] : await this.#neverConsumed(found);
      if (this.#timer !== undefined) unowned?.(partitions);
    } catch {
      // The client itself reports why the brokers don't answer. The lag is unknown then, too.
    }
    await this.#queryLags();
    await this.#queryReadable();
  }

  /** Partitions of others with records and without an offset of the group; none before this member has partitions. */
  async #neverConsumed(topics: readonly TopicState[]): Promise<readonly Partition[]> {
    const { queries, assigned } = this.#options;
    const own = new Set(assigned().map(partitionName));
    const others = topics
      .flatMap(({ topic, partitions }) => Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
      .filter((each) => !own.has(partitionName(each)));
    if (own.size === 0 || others.length === 0) return [];
    const consumed = new Set((await queries.committed(others)).map(partitionName));
    const unread = others.filter((each) => !consumed.has(partitionName(each)));
    const logs = await queries.ranges(unread);
    return unread.filter((each) => {
      const { begin, end } = logs.get(partitionName(each)) ?? { begin: 0, end: 0 };
      return end > begin;
    });
  }

  async #queryReadable(): Promise<void> {
    const { queries, assigned, readable } = this.#options;
    const ends = await queries.readableEnds(assigned()).catch(() => new Map<string, number>());
    if (this.#timer !== undefined) readable(ends);
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
    // `assigned()` again: the next owner reports a partition that was revoked meanwhile.
    lags(
      assigned().map(({ topic, partition, offset }) => {
        const end = ends.get(partitionName({ topic, partition }))?.end;
        const known = end !== undefined && offset >= 0;
        return { topic, partition, lag: known ? Math.max(0, end - offset) : undefined };
      }),
    );
  }
}
