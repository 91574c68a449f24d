import { Gauge, type Registry } from 'prom-client';
import { type IntakePause, PAUSES } from '../kafka/consumer/intake.ts';
import type { PartitionProgress } from '../kafka/consumer/partition-offsets.ts';

/** The metrics of an input's partitions and of its intake. */
export interface PartitionMetrics {
  /** Sets the function that returns the progress of the assigned partitions. It is called when the metrics are read. */
  progress(read: () => readonly PartitionProgress[]): void;
  /** Sets the function that returns the limit of the waiting records that pauses the intake; undefined when none does. */
  paused(read: () => IntakePause | undefined): void;
}

interface Labels {
  readonly label: string;
  readonly path: string;
}

interface Entry {
  readonly labels: Labels;
  read: () => readonly PartitionProgress[];
  pause: () => IntakePause | undefined;
}

const MS_PER_SECOND = 1_000;

/**
 * Registers the metrics. `add` adds an input, `paused` returns the limit that pauses the intake of one. `now`: milliseconds since the
 * epoch.
 */
export function createPartitionMetrics(
  registry: Registry,
  now: () => number = Date.now,
): { add(labels: Labels): PartitionMetrics; paused(): IntakePause | undefined } {
  const entries = new Map<string, Entry>();
  const perPartition = (name: string, help: string, value: (progress: PartitionProgress) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['label', 'path', 'topic', 'partition'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, read } of entries.values())
          for (const each of read())
            this.labels({ ...labels, topic: each.topic, partition: String(each.partition) }).set(value(each));
      },
    });
  perPartition(
    'wado_lag_seconds',
    'Age of the oldest record of the partition that is not acknowledged, by its timestamp; 0 without one',
    (progress) => lagSeconds(progress, now()),
  );
  perPartition(
    'wado_oldest_unacked_offset',
    'Offset of the oldest consumed record that is not acknowledged, else the next offset to consume',
    ({ oldest, next }) => oldest?.offset ?? next,
  );
  new Gauge({
    name: 'wado_records_waiting_bytes',
    help: 'What the waiting records hold in memory, about',
    registers: [registry],
    collect() {
      const all = [...entries.values()].flatMap(({ read }) => read());
      this.set(all.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0));
    },
  });
  new Gauge({
    name: 'wado_intake_paused',
    help: '1 while a limit of the waiting records pauses the intake, by limit',
    labelNames: ['label', 'path', 'limit'],
    registers: [registry],
    collect() {
      for (const { labels, pause } of entries.values()) {
        const reached = pause();
        for (const limit of PAUSES) this.labels({ ...labels, limit }).set(reached === limit ? 1 : 0);
      }
    },
  });
  return {
    add(labels) {
      const key = `${labels.path}\0${labels.label}`;
      const entry = entries.get(key) ?? { labels, read: () => [], pause: () => undefined };
      entries.set(key, entry);
      return {
        progress: (read) => {
          entry.read = read;
        },
        paused: (read) => {
          entry.pause = read;
        },
      };
    },
    paused: () => [...entries.values()].map(({ pause }) => pause()).find((pause) => pause !== undefined),
  };
}

/** The age of the oldest record in seconds at `now`, in milliseconds since the epoch; NaN when its timestamp is unknown. */
export function lagSeconds({ oldest }: Pick<PartitionProgress, 'oldest'>, now: number): number {
  if (oldest === undefined) return 0;
  return oldest.timestamp === undefined ? Number.NaN : Math.max(0, now - oldest.timestamp) / MS_PER_SECOND;
}
