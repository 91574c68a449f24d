import type { TopicState } from './group-queries.ts';
import { hasCoordinator, isMember, isReachable, type Statistics } from './statistics.ts';

/** How long a rebalance may take before the input counts as not ready. */
const REBALANCE_GRACE_MS = 30_000;

/** Why the input isn't ready: a code for `/ready`, which may name a topic or an address (`ERR_UNKNOWN_TOPIC_OR_PART:storage_queue`). */
export type Problem = string;

const NOT_JOINED = 'joining_group';
const NO_COORDINATOR = 'ERR_COORDINATOR_NOT_AVAILABLE';

/**
 * Whether the input is ready: the client is connected, every topic exists and may be read, and the client is a member of the group
 * that knows the start offsets of its partitions. A member without partitions is ready too: the group has more members than partitions.
 * `report` is called with the most important problem, repeatedly while there is one, and once with undefined when there is none.
 */
export class Readiness {
  readonly #onReport: (problem: Problem | undefined) => void;
  #connection: Problem | undefined;
  #topics: Problem | undefined;
  #starts: Problem | undefined;
  #stalled: Problem | undefined;
  #membership: Problem | undefined = NOT_JOINED;
  #rebalancingSince = Number.NaN;
  #isReady = false;

  constructor(report: (problem: Problem | undefined) => void) {
    this.#onReport = report;
  }

  /** The first broker has answered. */
  connected(): void {
    this.works();
  }

  /** The client reported an error; `reason` is librdkafka's name or a code of disconnect-reason.ts. */
  failed(reason: Problem): void {
    this.#connection = reason;
    this.#report();
  }

  /** Records arrived or a commit was accepted, so the client's earlier errors no longer apply. */
  works(): void {
    this.#connection = undefined;
    this.#report();
  }

  /** The brokers' description of the topics. */
  described(topics: readonly TopicState[]): void {
    const failed = topics.find(({ error }) => error !== undefined);
    this.#topics = failed === undefined ? undefined : `${failed.error}:${failed.topic}`;
    // The client's own error about topics stays until its next metadata request, which may take half a minute.
    if (failed === undefined && isAboutTopics(this.#connection)) this.#connection = undefined;
    this.#report();
  }

  /** The queries for the start offsets of assigned partitions fail; they are retried. */
  startsUnknown(reason: Problem): void {
    this.#starts = reason;
    this.#report();
  }

  /** The names of the assigned partitions that aren't read although they have records. */
  stalled(partitions: readonly string[]): void {
    this.#stalled = partitions.length === 0 ? undefined : `partition_stalled:${partitions.join(',')}`;
    this.#report();
  }

  /** Partitions are assigned, and their start offsets are known. */
  assigned(): void {
    this.#starts = undefined;
    this.#membership = undefined;
    this.#rebalancingSince = Number.NaN;
    this.works();
  }

  /** The group has evicted this member. */
  evicted(): void {
    this.#membership = NOT_JOINED;
    this.#report();
  }

  /** To be called with each statistics document of the client, every few seconds. */
  statistics(statistics: Statistics): void {
    // A connection alone doesn't resolve a refusal; membership does.
    if (isReachable(statistics) && !isRefusal(this.#connection)) this.#connection = undefined;
    if (isMember(statistics)) {
      this.#rebalancingSince = Number.NaN;
      if (this.#starts === undefined) this.#membership = undefined;
      if (isRefusal(this.#connection) && !isAboutTopics(this.#connection)) this.#connection = undefined;
    } else {
      const now = performance.now();
      if (Number.isNaN(this.#rebalancingSince)) this.#rebalancingSince = now;
      const isLate = now - this.#rebalancingSince > REBALANCE_GRACE_MS;
      if (this.#membership !== undefined || isLate)
        this.#membership = hasCoordinator(statistics) ? NOT_JOINED : NO_COORDINATOR;
    }
    this.#report();
  }

  #report(): void {
    const problem = this.#topics ?? this.#connection ?? this.#starts ?? this.#membership ?? this.#stalled;
    if (problem === undefined && this.#isReady) return;
    this.#isReady = problem === undefined;
    this.#onReport(problem);
  }
}

/** Whether a connection to some broker doesn't resolve it: a broker answered with an error, or an advertised address is wrong. */
function isRefusal(reason: Problem | undefined): boolean {
  return reason !== undefined && /^(?:ERR_[A-Z]|advertised_)/.test(reason);
}

function isAboutTopics(reason: Problem | undefined): boolean {
  return reason !== undefined && /^ERR_(?:UNKNOWN_TOPIC|TOPIC_)/.test(reason);
}
