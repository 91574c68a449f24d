import { Subject } from 'rxjs';
import { CommitEncoder } from '../../kafka/consumer/commit-encoder.ts';
import { Intake } from '../../kafka/consumer/intake.ts';
import { KafkaOrigin, kafkaOrigin, offsetRanges } from '../../kafka/consumer/origin.ts';
import type { CommittableOffset, PartitionProgress } from '../../kafka/consumer/partition-offsets.ts';
import { TrackedWaiting } from '../../kafka/consumer/tracked-waiting.ts';
import { TransactionOffsets } from '../../kafka/consumer/transaction-offsets.ts';
import { WatermarkTracker } from '../../kafka/consumer/watermark.ts';
import type { Offsets, Source } from '../../ports.ts';
import type { ConsumedRecord, OffsetRange, Origin } from '../../records/records.ts';

/** Identifies the logs of the topics in memory, as topic ids do at brokers. */
const LOG = { topicId: 'AAAAAAAAAAAAAAAAAAAAAA', firstPartitions: 1 };

/** Topics in memory as a source, with the watermarks and commits of the Kafka source. */
export class MemorySource implements Source, Offsets {
  readonly name = 'source';
  readonly topics: readonly string[];
  readonly #records = new Subject<ConsumedRecord>();
  readonly records$ = this.#records.asObservable();
  readonly #tracker = new WatermarkTracker();
  readonly waiting: TrackedWaiting;
  readonly transactionOffsets: TransactionOffsets;
  readonly #committed = new Map<string, CommittableOffset>();
  readonly #nextOffsets = new Map<string, number>();
  readonly #isCommitHeld: () => boolean;

  constructor(topics: readonly string[], checkpointLimit: number, isCommitHeld: () => boolean) {
    this.topics = topics;
    this.waiting = new TrackedWaiting(this.#tracker, new Intake(this.#tracker, { checkpointLimit }));
    this.transactionOffsets = new TransactionOffsets(this.#tracker, new CommitEncoder());
    this.#isCommitHeld = isCommitHeld;
  }

  /** Emits a record at the next offset of its partition. */
  emit(topic: string, partition: number, record: Omit<ConsumedRecord, 'origin'>): ConsumedRecord {
    const name = `${topic}/${partition}`;
    const offset = this.#nextOffsets.get(name) ?? 0;
    this.#nextOffsets.set(name, offset + 1);
    if (!this.#tracker.isAssigned(topic, partition)) this.#tracker.assign([{ topic, partition, log: LOG }]);
    const at = { topic, partition, offset };
    const { timestamp = -1 } = record;
    const assignment = this.#tracker.track({ ...at, timestamp });
    const emitted = { ...record, origin: new KafkaOrigin(at, assignment === 'done' ? undefined : assignment) };
    this.#records.next(emitted);
    return emitted;
  }

  ack(origins: readonly Origin[]): readonly OffsetRange[] {
    const offsets = origins.map(kafkaOrigin);
    this.#tracker.ack(offsets);
    if (!this.#isCommitHeld()) this.commit();
    return offsetRanges(offsets);
  }

  /** Commits what is acknowledged. */
  commit(): void {
    const offsets = this.#tracker.takeCommittable();
    for (const each of offsets) this.#committed.set(`${each.topic}/${each.partition}`, each);
    this.#tracker.committed(offsets);
  }

  /** Revokes a partition: its unacknowledged records belong to its next owner. */
  revoke(topic: string, partition: number): void {
    this.#tracker.forget([{ topic, partition }]);
  }

  /** The next offset to read after a restart, with the done offsets above it; undefined before the first commit. */
  committed(topic: string, partition: number): CommittableOffset | undefined {
    return this.#committed.get(`${topic}/${partition}`);
  }

  /** The offset below which every record is acknowledged; undefined before the first record. */
  watermark(topic: string, partition: number): number | undefined {
    return this.#tracker.preview({ topic, partition }, new Set())?.offset;
  }

  /** How far the processing of a partition is; undefined before the first record. */
  progress(topic: string, partition: number): PartitionProgress | undefined {
    return this.#tracker.progress().find((each) => each.topic === topic && each.partition === partition);
  }

  /** The number of records that are neither acknowledged nor waiting. */
  get inFlight(): number {
    return this.#tracker.inFlight;
  }

  async stop(): Promise<void> {
    this.#records.complete();
  }

  async close(): Promise<void> {
    await this.stop();
  }
}
