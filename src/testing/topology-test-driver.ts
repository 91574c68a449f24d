import { Subject, VirtualTimeScheduler } from 'rxjs';
import { type Settings, topology } from '../../topology/topology.ts';
import { Intake } from '../kafka/consumer/intake.ts';
import { KafkaOrigin, kafkaOrigin, offsetRanges } from '../kafka/consumer/origin.ts';
import { TrackedWaiting } from '../kafka/consumer/tracked-waiting.ts';
import { WatermarkTracker } from '../kafka/consumer/watermark.ts';
import type { HeaderReader, Sink } from '../ports.ts';
import type { AcknowledgedBatch, ConsumedRecord, PoisonRecord, RecordHeader } from '../records/records.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../sinks/memory.ts';
import { createMemoryReader } from './memory-reader.ts';

export interface TestDriverOptions {
  /** Default 50 and 5,000, as in the service. */
  readonly batchCount?: number;
  readonly batchPeriodMs?: number;
  /** One batch after the other, without a period: `unordered_processing.enabled: false`. Default false. */
  readonly inOrder?: boolean;
  /** Limits the records that are resumed; default 2,048. Nothing limits those that are piped in. */
  readonly checkpointLimit?: number;
  /** Default 60,000, as in the service. */
  readonly fileWaitMs?: number;
  /** Default: derives the headers from the message, see memory-reader.ts. */
  readonly reader?: HeaderReader;
  /** Sinks beside the memory database and the two memory topics: failing or slow ones. */
  readonly sinks?: readonly Sink[];
  /** Replaces the dead-letter topic in memory. */
  readonly deadLetters?: Sink;
}

/** A record of a topic in memory. */
export interface PublishedRecord {
  readonly key: string;
  readonly value: string;
}

const TOPIC = 'storage_queue';

/**
 * Runs the real topology without a broker, a database or a file, like Kafka Streams' TopologyTestDriver: pipe records
 * in, advance the virtual clock, read the output.
 */
export class TopologyTestDriver {
  readonly database: MemoryDatabase = createMemoryDatabase();
  readonly states: PublishedRecord[] = [];
  readonly images: PublishedRecord[] = [];
  readonly deadLetters: PoisonRecord[] = [];
  readonly acknowledgedBatches: AcknowledgedBatch[] = [];
  /** Set when the topology has failed. */
  error: unknown;
  completed = false;
  /** The number of waiting records as the topology reports them. */
  held = 0;
  readonly #records = new Subject<ConsumedRecord>();
  readonly #clock = new VirtualTimeScheduler();
  readonly #tracker = new WatermarkTracker();
  readonly #waiting: TrackedWaiting;
  readonly #committed = new Map<number, number>();
  readonly #nextOffsets = new Map<number, number>();

  constructor(options: TestDriverOptions = {}) {
    const intake = new Intake(this.#tracker, { checkpointLimit: options.checkpointLimit ?? 2_048 });
    this.#waiting = new TrackedWaiting(this.#tracker, intake);
    const settings: Settings = {
      batchCount: options.batchCount ?? 50,
      batchPeriodMs: options.batchPeriodMs ?? 5_000,
      ...(options.inOrder === true ? { inOrder: () => this.#tracker.unacked - this.#tracker.waiting } : {}),
      concurrency: 4,
      fileWaitMs: options.fileWaitMs ?? 60_000,
      scheduler: this.#clock,
      onWaiting: (change) => {
        this.held += change;
      },
    };
    const memoryTopic = (name: string, kind: 'state' | 'image', into: PublishedRecord[]): Sink => ({
      name,
      connect: async () => undefined,
      write: async (batch) => {
        for (const { [kind]: row } of batch.grouped)
          if (row !== null) into.push({ key: row.key, value: row.json.toString() });
        return [];
      },
      close: async () => undefined,
    });
    const deadLetters: Sink = {
      name: 'dead_letter_topic',
      connect: async () => undefined,
      write: async (batch) => {
        this.deadLetters.push(...batch.poison);
        return [];
      },
      close: async () => undefined,
    };
    topology(
      {
        source: {
          name: TOPIC,
          topics: [TOPIC],
          records$: this.#records,
          waiting: this.#waiting,
          stop: async () => this.#records.complete(),
          close: async () => undefined,
        },
        reader: options.reader ?? createMemoryReader(),
        sinks: [
          this.database,
          memoryTopic('state_topic', 'state', this.states),
          memoryTopic('image_topic', 'image', this.images),
          ...(options.sinks ?? []),
        ],
        deadLetters: options.deadLetters ?? deadLetters,
        offsets: {
          ack: (origins) => {
            const offsets = origins.map(kafkaOrigin);
            this.#tracker.ack(offsets);
            for (const { partition, offset } of this.#tracker.takeCommittable()) this.#committed.set(partition, offset);
            return offsetRanges(offsets);
          },
        },
      },
      settings,
    )
      .run()
      .subscribe({
        next: (batch) => this.acknowledgedBatches.push(batch),
        error: (error: unknown) => {
          this.error = error;
        },
        complete: () => {
          this.completed = true;
        },
      });
  }

  /** Consumes one record at the partition's next offset; objects become JSON. */
  pipe(
    value: object | string | Buffer | null,
    options: { partition?: number; key?: string; headers?: readonly RecordHeader[] } = {},
  ): ConsumedRecord {
    const partition = options.partition ?? 0;
    const offset = this.#nextOffsets.get(partition) ?? 0;
    this.#nextOffsets.set(partition, offset + 1);
    if (!this.#tracker.isAssigned(TOPIC, partition)) this.#tracker.assign([{ topic: TOPIC, partition }]);
    const at = { topic: TOPIC, partition, offset };
    const assignment = this.#tracker.track(at);
    const origin = new KafkaOrigin(at, assignment === 'done' ? undefined : assignment);
    const record: ConsumedRecord = {
      origin,
      key: options.key === undefined ? null : Buffer.from(options.key),
      value: toBytes(value),
      headers: options.headers ?? [],
    };
    this.#records.next(record);
    return record;
  }

  /** Revokes a partition: its unacknowledged records belong to its next owner. */
  revoke(partition: number): void {
    this.#tracker.forget([{ topic: TOPIC, partition }]);
  }

  /** The number of waiting records as the source counts them. */
  get waiting(): number {
    return this.#tracker.waiting;
  }

  /** Advances the clock and runs everything that is due. */
  async advance(milliseconds: number): Promise<void> {
    await this.settle();
    this.#clock.maxFrames = this.#clock.frame + milliseconds;
    this.#clock.flush();
    this.#clock.frame = this.#clock.maxFrames;
    await this.settle();
  }

  /** Runs pending promises until only the clock can cause more work. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Ends consumption, as SIGTERM does. */
  async stop(): Promise<void> {
    this.#records.complete();
    await this.settle();
  }

  /** The committed offset of a partition, the next one to read; undefined before the first commit. */
  committed(partition = 0): number | undefined {
    return this.#committed.get(partition);
  }
}

function toBytes(value: object | string | Buffer | null): Buffer | null {
  if (value === null || Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}
