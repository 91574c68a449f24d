import type { Admission } from '../../ports.ts';
import type { Origin } from '../../records/records.ts';
import { type PartitionOffset, partitionName } from '../client/types.ts';
import type { CommitEncoder, NativeCommit } from './commit-encoder.ts';
import type { SourceEvents } from './events.ts';
import { type KafkaOrigin, kafkaOrigin } from './origin.ts';
import type { WatermarkTracker } from './watermark.ts';

/**
 * The offsets that a transaction commits: of each partition the watermark with the done offsets above it, as they will be when the
 * transaction's records are done. They must list every done offset, because what they don't list is published again after a kill.
 */
export class TransactionOffsets {
  readonly #tracker: WatermarkTracker;
  readonly #encoder: CommitEncoder;
  readonly #events: Pick<SourceEvents, 'committed' | 'metadataRefused' | 'unlisted'>;

  constructor(tracker: WatermarkTracker, encoder: CommitEncoder, events: SourceEvents = {}) {
    this.#tracker = tracker;
    this.#encoder = encoder;
    this.#events = events;
  }

  /** Which of these records one transaction can commit now. See `Transaction.admit`. */
  admit(origins: readonly Origin[]): Admission {
    const now = new Set<Origin>();
    const later = new Set<Origin>();
    for (const records of this.#byPartition(origins)) {
      const fitting = this.#fitting(records);
      for (const record of records) (fitting.has(record.offset) ? now : later).add(record);
      const [partition] = records;
      if (partition !== undefined) this.#events.unlisted?.(partition, records.length - fitting.size);
    }
    return { now, later };
  }

  /** The offsets to commit with these records. Undefined when the partition of one was revoked, or the offsets do not fit. */
  of(origins: readonly Origin[]): readonly NativeCommit[] | undefined {
    const partitions = this.#byPartition(origins);
    if (partitions.reduce((sum, records) => sum + records.length, 0) !== origins.length) return undefined;
    const commits: NativeCommit[] = [];
    for (const records of partitions) {
      const encoded = this.#preview(records[0], new Set(records.map(({ offset }) => offset)));
      if (encoded === undefined || encoded.listedTo !== Number.POSITIVE_INFINITY) return undefined;
      commits.push(encoded.commit);
    }
    this.#encoder.sends(commits);
    return commits;
  }

  /** To be called when a transaction has committed these offsets. */
  committed(offsets: readonly PartitionOffset[]): void {
    this.#encoder.accepted();
    this.#tracker.committed(offsets);
    this.#events.committed?.(offsets);
  }

  /** To be called when the broker has refused the size of the metadata. */
  refused(): void {
    // Hoisted: `?.()` skips its arguments when there is no listener.
    const maxBytes = this.#encoder.refused();
    this.#events.metadataRefused?.(maxBytes);
  }

  /** The offsets of the records that can be committed together. Older records make room, so the newest are left out first. */
  #fitting(records: readonly KafkaOrigin[]): ReadonlySet<number> {
    let offsets = records.map(({ offset }) => offset).sort((a, b) => a - b);
    while (offsets.length > 0) {
      const encoded = this.#preview(records[0], new Set(offsets));
      if (encoded === undefined) break;
      if (encoded.listedTo === Number.POSITIVE_INFINITY) return new Set(offsets);
      const end = Math.max(encoded.commit.offset, encoded.listedTo);
      const below = offsets.filter((offset) => offset < end);
      offsets = below.length < offsets.length ? below : offsets.slice(0, offsets.length >> 1);
    }
    return new Set();
  }

  #preview(partition: KafkaOrigin | undefined, offsets: ReadonlySet<number>) {
    const committable = partition === undefined ? undefined : this.#tracker.preview(partition, offsets);
    return committable === undefined ? undefined : this.#encoder.encodeOne(committable);
  }

  /** The records by partition, without those that no longer wait for an acknowledgement. */
  #byPartition(origins: readonly Origin[]): readonly (readonly KafkaOrigin[])[] {
    const partitions = new Map<string, KafkaOrigin[]>();
    for (const record of origins.map(kafkaOrigin)) {
      if (!this.#tracker.isAwaited(record)) continue;
      const name = partitionName(record);
      const records = partitions.get(name);
      if (records === undefined) partitions.set(name, [record]);
      else records.push(record);
    }
    return [...partitions.values()];
  }
}
