import { Gauge, type Registry } from 'prom-client';
import type { PartitionOffset } from '../kafka/client/types.ts';
import type { PartitionProgress } from '../kafka/consumer/partition-offsets.ts';
import type { HoldReason, RetriedRecords } from '../ports.ts';
import type { Origin } from '../records/records.ts';

/** Which records are held, and why. */
export interface HeldRecords {
  /** Sets the source of the records. */
  source(source: HeldSource): void;
  /** Records of a failed call are held, or no longer are. */
  retried(records: RetriedRecords, held: boolean): void;
  /** The number of held records by reason. A record whose batch several sinks retry counts once. */
  counts(): Readonly<Record<HoldReason, number>>;
  /** What each assigned partition waits for. */
  partitions(): readonly HeldPartition[];
}

/** What the source knows of its records. It is asked when the metrics are read. */
export interface HeldSource {
  /** The progress of the assigned partitions, with the records that wait. */
  progress(): readonly PartitionProgress[];
  /** Where a record comes from. */
  placeOf(origin: Origin): PartitionOffset;
}

/** The oldest record of a partition that is not acknowledged, and what it waits for. */
export interface HeldPartition {
  readonly topic: string;
  readonly partition: number;
  /** Its offset; undefined when every consumed record is acknowledged. */
  readonly oldestUnacked?: number;
  /** By its timestamp; undefined without one. */
  readonly oldestAgeSeconds?: number;
  /** Undefined while the oldest record is processed. */
  readonly waitsFor?: HoldReason;
  readonly inFlight: number;
  readonly waiting: number;
}

const RETRY_REASONS = ['sink_retry', 'dead_letter_retry'] as const;
const MS_PER_SECOND = 1_000;

/** Registers the metric. `now`: milliseconds since the epoch. */
export function createHeldRecords(registry: Registry, now: () => number = Date.now): HeldRecords {
  let source: HeldSource | undefined;
  const calls = new Set<RetriedRecords>();

  const retriedFor = (reason: HoldReason) =>
    new Set([...calls].flatMap((call) => (call.reason === reason ? call.origins : [])));
  const counts = () => {
    const partitions = source?.progress() ?? [];
    const waiting = (reason: 'file_wait' | 'storage_outage') =>
      partitions.reduce((sum, { waitingFor }) => sum + (waitingFor[reason] ?? 0), 0);
    return {
      file_wait: waiting('file_wait'),
      storage_outage: waiting('storage_outage'),
      sink_retry: retriedFor('sink_retry').size,
      dead_letter_retry: retriedFor('dead_letter_retry').size,
    };
  };
  /** The reasons of the records of failed calls, by their places. */
  const retriedReasons = () => {
    const reasons = new Map<string, HoldReason>();
    if (source === undefined) return reasons;
    for (const reason of RETRY_REASONS)
      for (const origin of retriedFor(reason)) reasons.set(keyOf(source.placeOf(origin)), reason);
    return reasons;
  };

  new Gauge({
    name: 'wado_held',
    help: 'Records that are consumed and can not be processed now, by what they wait for',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      for (const [reason, count] of Object.entries(counts())) this.labels(reason).set(count);
    },
  });

  return {
    source: (given) => {
      source = given;
    },
    retried: (records, held) => {
      if (held) calls.add(records);
      else calls.delete(records);
    },
    counts,
    partitions: () => {
      const retried = retriedReasons();
      return (source?.progress() ?? []).map(({ topic, partition, oldest, inFlight, waiting }) => {
        const waitsFor = oldest && (oldest.waitsFor ?? retried.get(keyOf({ topic, partition, offset: oldest.offset })));
        const age = oldest?.timestamp === undefined ? undefined : Math.max(0, now() - oldest.timestamp) / MS_PER_SECOND;
        return {
          topic,
          partition,
          ...(oldest === undefined ? {} : { oldestUnacked: oldest.offset }),
          ...(age === undefined ? {} : { oldestAgeSeconds: Math.round(age * 10) / 10 }),
          ...(waitsFor === undefined ? {} : { waitsFor }),
          inFlight,
          waiting,
        };
      });
    },
  };
}

function keyOf({ topic, partition, offset }: PartitionOffset): string {
  return `${topic}/${partition}/${offset}`;
}
