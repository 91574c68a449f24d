import type { Origin } from '../../records/records.ts';
import type { Partition, PartitionOffset } from '../client/types.ts';
import type { PartitionLag } from './group-monitor.ts';
import type { IntakePause } from './intake.ts';
import type { Stall } from './stalled-partitions.ts';
import type { SkipReason, StartOffset, UnusableMetadata } from './start-offsets.ts';

/** What the source reports while it runs. Every callback is optional and must not throw. */
export interface SourceEvents {
  connected?(): void;
  /** The client reports an error that it recovers from. `detail` is librdkafka's name or a code of disconnect-reason.ts. */
  disconnected?(detail: string): void;
  /** Called every few seconds while a connection to a broker is up, with or without records. */
  reachable?(): void;
  /** The number of records of one poll. */
  received?(records: number): void;
  /**
   * Why the input isn't ready: a code that may name a topic or an address. Reported repeatedly while it isn't; undefined is reported
   * once when it is (readiness.ts).
   */
  readiness?(problem: string | undefined): void;
  /** A limit of the waiting records pauses the intake; undefined when it resumes. */
  intake?(pause: IntakePause | undefined): void;
  /** The number of records of one poll that the group had acknowledged above its committed offset. They are not emitted. */
  alreadyDone?(records: number): void;
  /** Partitions were assigned and start at these offsets. The client chooses the start of a partition without one. */
  assigned?(partitions: readonly Partition[], starts: readonly StartOffset[]): void;
  /** Origins of emitted records that are now acknowledged, each once. */
  acked?(origins: readonly Origin[]): void;
  /** The number of emitted records that were dropped unacknowledged, with their partitions or at shutdown. They are redelivered. */
  released?(records: number): void;
  /** `lost`: the group had already reassigned the partitions. `unacked`: the number of records that are redelivered. */
  revoked?(partitions: readonly Partition[], lost: boolean, unacked: number): void;
  /** The broker has accepted the commit of these offsets. */
  committed?(offsets: readonly PartitionOffset[]): void;
  /** A commit failed and will be retried. `detail` is librdkafka's name of the error. */
  commitFailed?(detail: string): void;
  /** The metadata of a partition's committed offset is not used: the records acknowledged above it are processed again. */
  metadataIgnored?(partition: Partition, reason: UnusableMetadata): void;
  /** The broker refused the size of a commit's metadata. Later commits carry at most `maxBytes` of it. */
  metadataRefused?(maxBytes: number): void;
  /**
   * The number of done records above the group's offset that a commit's metadata doesn't list, for lack of space. With a transaction: the
   * number of records that wait because they would not be listed.
   */
  unlisted?(partition: Partition, records: number): void;
  /**
   * A partition continues at `to` instead of `from`, the group's offset. `skipped` records were deleted before they were consumed.
   */
  moved?(partition: Partition, reason: SkipReason, from: number | undefined, to: number, skipped: number): void;
  /** A partition has readable records and isn't read. It is recovered. */
  stalled?(stall: Stall): void;
  /** No member of the group owns these partitions. This member leaves the group and joins it again. */
  unowned?(partitions: readonly Partition[]): void;
  /** The group's lag in each assigned partition, every few seconds and right after an assignment. */
  lags?(lags: readonly PartitionLag[]): void;
}
