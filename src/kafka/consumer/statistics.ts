import type { Partition } from '../client/types.ts';

/** The fields of librdkafka's statistics document that are used (see its STATISTICS.md). */
export interface Statistics {
  readonly brokers?: Readonly<Record<string, BrokerStatistics>>;
  readonly topics?: Readonly<Record<string, TopicStatistics>>;
  readonly cgrp?: { readonly state: string; readonly join_state: string; readonly assignment_size: number };
}

interface BrokerStatistics {
  readonly state: string;
  readonly nodeid?: number;
  /** Requests that await their response. */
  readonly waitresp_cnt?: number;
  /** Requests sent so far, by type. */
  readonly req?: Readonly<Record<string, number>>;
}

interface TopicStatistics {
  /** `broker` is the node id of the broker that the partition is fetched from, or -1. */
  readonly partitions: Readonly<Record<string, { readonly broker: number }>>;
}

/** The fetch requests to one broker. */
export interface FetchState {
  /** Sent so far. */
  readonly requests: number;
  /** Whether a request awaits its response. */
  readonly isPending: boolean;
}

/** Whether the connection to any broker, the group's coordinator included, is up. */
export function isReachable({ brokers = {} }: Statistics): boolean {
  return Object.values(brokers).some(({ state }) => state === 'UP');
}

/** Whether the client has found the group's coordinator and is connected to it. */
export function hasCoordinator({ cgrp }: Statistics): boolean {
  return cgrp?.state === 'up';
}

/** Whether the client is a member of the group and not rebalancing. Its assignment may be empty. */
export function isMember({ cgrp }: Statistics): boolean {
  return cgrp?.state === 'up' && cgrp.join_state === 'steady';
}

/** The fetches of the broker that a partition is fetched from; undefined when there is none. */
export function fetchesOf({ brokers = {}, topics = {} }: Statistics, partition: Partition): FetchState | undefined {
  const node = topics[partition.topic]?.partitions[String(partition.partition)]?.broker;
  if (node === undefined || node < 0) return undefined;
  const broker = Object.values(brokers).find(({ nodeid }) => nodeid === node);
  if (broker === undefined) return undefined;
  return { requests: broker.req?.Fetch ?? 0, isPending: (broker.waitresp_cnt ?? 0) > 0 };
}
