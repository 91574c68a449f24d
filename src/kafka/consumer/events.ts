import type { Origin } from '../../records/records.ts';
import type { Partition, PartitionOffset } from '../client/types.ts';
import type { PartitionLag } from './lag.ts';

/** What the source reports while it runs. Every callback is optional and must not throw. */
export interface SourceEvents {
  connected?(): void;
  /** The client has no connection or can't join its group; it keeps trying. `detail` is librdkafka's error name. */
  disconnected?(detail: string): void;
  /** Every few seconds while a broker has accepted the client and the connection is up, with or without records. */
  reachable?(): void;
  /** The number of records of one poll. */
  received?(records: number): void;
  assigned?(partitions: readonly Partition[]): void;
  /** Origins of emitted records that are now acknowledged, each once. */
  acked?(origins: readonly Origin[]): void;
  /** The number of emitted records that are given up unacknowledged, with their partitions or at the end. They are redelivered. */
  released?(records: number): void;
  /** `lost`: the group had already reassigned the partitions. `unacked`: records that will be processed again elsewhere. */
  revoked?(partitions: readonly Partition[], lost: boolean, unacked: number): void;
  /** The broker has accepted the commit of these offsets. */
  committed?(offsets: readonly PartitionOffset[]): void;
  commitFailed?(detail: string): void;
  /** Every few seconds (`statistics.interval.ms`): the group's lag in the partitions assigned to this member. */
  lags?(lags: readonly PartitionLag[]): void;
}
