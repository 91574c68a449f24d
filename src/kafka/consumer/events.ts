import type { Origin } from '../../records/records.ts';
import type { Partition, PartitionOffset } from '../client/types.ts';
import type { PartitionLag } from './group-monitor.ts';
import type { SkipReason, StartOffset } from './start-offsets.ts';

/** What the source reports while it runs. Every callback is optional and must not throw. */
export interface SourceEvents {
  connected?(): void;
  /** The client reports an error that it recovers from. `detail` is librdkafka's name or a word of disconnect-reason.ts. */
  disconnected?(detail: string): void;
  /** Every few seconds while a broker has accepted the client and the connection is up, with or without records. */
  reachable?(): void;
  /** The number of records of one poll. */
  received?(records: number): void;
  /**
   * Why the input doesn't work, repeated while it doesn't: a code, which may name a topic or an address. Undefined, once: it works
   * (readiness.ts).
   */
  readiness?(problem: string | undefined): void;
  /** Partitions start at these offsets; a partition without an offset is started by the client. */
  assigned?(partitions: readonly Partition[], starts: readonly StartOffset[]): void;
  /** Origins of emitted records that are now acknowledged, each once. */
  acked?(origins: readonly Origin[]): void;
  /** The number of emitted records that are given up unacknowledged, with their partitions or at the end. They are redelivered. */
  released?(records: number): void;
  /** `lost`: the group had already reassigned the partitions. `unacked`: records that will be processed again elsewhere. */
  revoked?(partitions: readonly Partition[], lost: boolean, unacked: number): void;
  /** The broker has accepted the commit of these offsets. */
  committed?(offsets: readonly PartitionOffset[]): void;
  commitFailed?(detail: string): void;
  /** A partition goes on at `to` instead of `from`, the group's offset. `skipped` records were not consumed and don't exist any more. */
  moved?(partition: Partition, reason: SkipReason, from: number | undefined, to: number, skipped: number): void;
  /** Every few seconds, and at once for new partitions: the group's lag in each assigned partition. */
  lags?(lags: readonly PartitionLag[]): void;
}
