import { setImmediate } from 'node:timers';
import type { Subscription } from 'rxjs';
import type { Topology } from '../../topology/compose.ts';
import { checkDelivery, type Delivery } from '../../topology/delivery.ts';
import { exactlyOnceTopology, type Settings, topology } from '../../topology/topology.ts';
import { lagSeconds } from '../ops/partition-metrics.ts';
import type { HeaderReader, Sink } from '../ports.ts';
import type { AcknowledgedBatch, BatchRecord, ConsumedRecord, PoisonRecord } from '../records/records.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../sinks/memory.ts';
import { rowRecord, type TransactionTopic } from '../sinks/publications.ts';
import { Faults } from './driver/faults.ts';
import { faultyReader, faultySink, faultyTransaction, LOOKUPS, READER } from './driver/faulty-nodes.ts';
import { MemorySource } from './driver/memory-source.ts';
import { MemoryTopics } from './driver/memory-topics.ts';
import { createMemoryTransaction } from './driver/memory-transaction.ts';
import {
  type InputDriver,
  type InputTime,
  type OutputRecord,
  TestInputTopic,
  TestOutputTopic,
} from './driver/test-topics.ts';
import { VirtualClock } from './driver/virtual-clock.ts';
import { createMemoryReader } from './memory-reader.ts';

/** What runs, and its settings. `topology` is a function as `startService` takes it; default: the service's own. */
export interface TestDriverOptions extends Delivery {
  /** Default: `['storage_queue']`. */
  readonly inputTopics?: readonly string[];
  /** Default 50 and 5,000, as in the service. */
  readonly batchCount?: number;
  readonly batchPeriodMs?: number;
  /** One batch after the other, without a period: `unordered_processing.enabled: false`. Default false. */
  readonly inOrder?: boolean;
  /** A batch is also closed as soon as no other record is in flight. Default false. */
  readonly flushWhenIdle?: boolean;
  /** The time of the clock at the beginning, in milliseconds since the epoch. Default 0. */
  readonly startTime?: number;
  /** Limits the records that are resumed; default 2,048. Nothing limits those that are piped in. */
  readonly checkpointLimit?: number;
  /** Default 60,000, as in the service. */
  readonly fileWaitMs?: number;
  /** Default: derives the headers from the message, see memory-reader.ts. It may be a real one: `createFileReader`. */
  readonly reader?: HeaderReader;
  /** Replaces the memory database, e.g. by the sink to be tested. */
  readonly database?: Sink;
  /** Sinks beside the database and the two topics. */
  readonly sinks?: readonly Sink[];
  /** How long a call of a node may take in real time, in milliseconds, before `idle` rejects. Default 20,000. */
  readonly callTimeoutMs?: number;
}

/** The topics of the service's own topology. */
const ROW_TOPICS: readonly TransactionTopic[] = [
  { name: 'state_topic', topic: 'dicom_state_queue', recordOf: rowRecord('state') },
  { name: 'image_topic', topic: 'dicom_image_queue', recordOf: rowRecord('image') },
];
const DEAD_LETTERS = { name: 'dead_letter_topic', topic: 'storage_queue.dlq' };
/** The name of the commits in `hold` and `release`. */
const COMMITS = 'commits';
/**
 * Runs a real topology without a broker, a database or a file, like Kafka Streams' TopologyTestDriver (KIP-470): pipe records in, advance
 * the virtual clock, read the output. Every method that returns a promise resolves when the topology has nothing left to do before the
 * clock advances: no promise, no due timer and no call of a reader, sink or transaction that isn't held. Once the topology has failed, these
 * methods reject with its error.
 */
export class TopologyTestDriver {
  /** The tables, unless `database` was given. */
  readonly database: MemoryDatabase = createMemoryDatabase();
  readonly topology: Topology;
  readonly acknowledgedBatches: AcknowledgedBatch[] = [];
  /** The error of the topology when it has failed. */
  error: unknown;
  completed = false;
  readonly #clock: VirtualClock;
  readonly #topics = new MemoryTopics(() => this.#clock.frame);
  readonly #rejects = new Map<string, (source: ConsumedRecord) => boolean>();
  readonly #source: MemorySource;
  readonly #reader: HeaderReader;
  readonly #faults = new Faults(() => [...this.topology.outputs.map(({ name }) => name), READER, LOOKUPS, COMMITS]);
  readonly #run: Subscription;
  readonly #callTimeoutMs: number;
  #held = 0;

  constructor(options: TestDriverOptions = {}) {
    const { inputTopics = ['storage_queue'], startTime = 0, checkpointLimit = 2_048, callTimeoutMs = 20_000 } = options;
    this.#clock = new VirtualClock(startTime);
    this.#callTimeoutMs = callTimeoutMs;
    this.#source = new MemorySource(inputTopics, checkpointLimit, () => this.#faults.isHeld(COMMITS));
    checkDelivery(options);
    this.#reader = options.reader ?? createMemoryReader();
    this.topology = this.#compose(options);
    this.#run = this.topology
      .mapOutputs({
        sink: (sink) => faultySink(sink, this.#faults, this.#rejects),
        transaction: (transaction) => faultyTransaction(transaction, this.#faults, this.#rejects),
      })
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

  #compose(options: TestDriverOptions): Topology {
    const source = this.#source;
    const topics = this.#topics;
    const reader = faultyReader(this.#reader, this.#faults);
    const database = options.database ?? this.database;
    const settings = this.#settings(options);
    const databases = [database, ...(options.sinks ?? [])];
    const common = { source, reader, databases };
    if (options.exactlyOnce) {
      const transactionOf = <R extends BatchRecord>(outputs: readonly TransactionTopic<R>[]) =>
        createMemoryTransaction({ outputs, deadLetters: DEAD_LETTERS, topics, source });
      const outputs = { topics: ROW_TOPICS, transaction: transactionOf(ROW_TOPICS), transactionOf };
      return (options.exactlyOnceTopology ?? exactlyOnceTopology)({ ...common, ...outputs }, settings);
    }
    const outputs = ROW_TOPICS.map(({ name, topic, recordOf }) => topics.sink(name, topic, recordOf));
    const deadLetters = topics.deadLetterSink(DEAD_LETTERS.name, DEAD_LETTERS.topic);
    const nodes = { ...common, topics: outputs, deadLetters, offsets: source, sinks: [...databases, ...outputs] };
    return (options.topology ?? topology)({ ...nodes, topic: topics.sink.bind(topics) }, settings);
  }

  #settings(options: TestDriverOptions): Settings {
    const inFlight = () => this.#source.inFlight;
    return {
      batchCount: options.batchCount ?? 50,
      batchPeriodMs: options.batchPeriodMs ?? 5_000,
      ...(options.inOrder === true ? { inOrder: inFlight } : {}),
      ...(options.flushWhenIdle === true ? { flushWhenIdle: inFlight } : {}),
      concurrency: 4,
      fileWaitMs: options.fileWaitMs ?? 60_000,
      scheduler: this.#clock,
      onWaiting: (change) => {
        this.#held += change;
      },
    };
  }

  /**
   * A topic to pipe records into, and their timestamps. Default: the first of `inputTopics`, and the driver's clock. Throws a TypeError when
   * the topology doesn't consume the topic.
   */
  createInputTopic(topic = this.#source.topics[0] ?? '', time: InputTime = {}): TestInputTopic {
    if (!this.#source.topics.includes(topic)) throw new TypeError(`the topology does not consume ${topic}`);
    const driver: InputDriver = {
      pipe: (record, partition) => this.#source.emit(topic, partition, record),
      idle: () => this.idle(),
      now: () => this.now,
    };
    return new TestInputTopic(driver, time);
  }

  /** A topic to read what was published to it. `deserialize` gets a value that is not null; default: JSON. */
  createOutputTopic<V = unknown>(
    topic: string,
    deserialize: (value: Buffer) => V = (value) => JSON.parse(value.toString()),
  ): TestOutputTopic<V> {
    return new TestOutputTopic(topic, this.#topics.of(topic), deserialize);
  }

  /** All records that were published to a topic, the oldest first. */
  published(topic: string): readonly OutputRecord[] {
    return this.#topics.of(topic);
  }

  /** The dead-lettered records with their errors. */
  get deadLetters(): readonly PoisonRecord[] {
    return this.#topics.poison;
  }

  /** The rows of a table of the memory database as JSON objects. */
  table(name: 'dicom_object_meta' | 'dicom_state_meta' | 'dicom_image_meta'): readonly Record<string, unknown>[] {
    const { objects, states, images } = this.database;
    const rows = { dicom_object_meta: objects, dicom_state_meta: states, dicom_image_meta: images }[name];
    return [...rows.values()].map(({ json }) => JSON.parse(json.toString()));
  }

  /** The number of records that wait for their files. */
  get waiting(): number {
    return this.#source.waiting.count;
  }

  /** The number of waiting records as the topology reports them, see `Settings.onWaiting`. */
  get held(): number {
    return this.#held;
  }

  /** The offset below which every record is acknowledged; undefined before the first record. */
  watermark(partition = 0, topic = this.#source.topics[0] ?? ''): number | undefined {
    return this.#source.watermark(topic, partition);
  }

  /** The committed offset of a partition, the next one to read; undefined before the first commit. */
  committed(partition = 0, topic = this.#source.topics[0] ?? ''): number | undefined {
    return this.#source.committed(topic, partition)?.offset;
  }

  /**
   * The age of the oldest unacknowledged record of a partition by its timestamp, in seconds: what `wado_lag_seconds` shows. 0 when there is no such
   * record, NaN when it has no timestamp.
   */
  lagSeconds(partition = 0, topic = this.#source.topics[0] ?? ''): number {
    return lagSeconds(this.#source.progress(topic, partition) ?? {}, this.now);
  }

  /** The virtual time in milliseconds since the epoch, from `startTime`. */
  get now(): number {
    return this.#clock.frame;
  }

  /** Advances the clock. What becomes due on the way runs at its own time, with all that follows from it. */
  async advanceTime(milliseconds: number): Promise<void> {
    await this.idle();
    const end = this.#clock.frame + milliseconds;
    for (let next = this.#clock.next; next !== undefined && next <= end; next = this.#clock.next) {
      this.#clock.runAt(next);
      await this.idle();
    }
    this.#clock.runAt(end);
  }

  /**
   * The next `calls` calls of this sink or transaction wait until `release`; default: all of them. `reader` holds reads of files, `lookups`
   * the calls of `stillMissing`. While `commits` is held, acknowledgements advance the watermark, and nothing is committed. Throws a
   * TypeError when there is no such node.
   */
  hold(name: string, calls = Number.POSITIVE_INFINITY): void {
    this.#faults.hold(name, calls);
  }

  /** Ends `hold`, `fail` and `reject`: the held calls are made. */
  async release(name: string): Promise<void> {
    this.#rejects.delete(name);
    this.#faults.release(name);
    if (name === COMMITS) this.#source.commit();
    await this.idle();
  }

  /**
   * The next `times` calls of this node reject with the error, without `times` all until `release`. Calls that are held reject at once.
   * With a transient SinkError they are retried: advance the clock.
   */
  async fail(name: string, error: Error, times = Number.POSITIVE_INFINITY): Promise<void> {
    this.#faults.fail(name, error, times);
    await this.idle();
  }

  /** The sink or the transaction rejects the records for which the function returns true, as records that it can never accept. */
  reject(name: string, isRejected: (source: ConsumedRecord) => boolean): void {
    this.#faults.check(name);
    this.#rejects.set(name, isRejected);
  }

  /** Revokes a partition: its unacknowledged records belong to its next owner. */
  revoke(partition: number, topic = this.#source.topics[0] ?? ''): void {
    this.#source.revoke(topic, partition);
  }

  /**
   * Resolves when the topology has nothing left to do before the clock advances. Rejects when no running call of a node has ended within
   * `callTimeoutMs`.
   */
  async idle(): Promise<void> {
    for (;;) {
      await everyPromise();
      if (this.#clock.isDue) this.#clock.runAt(this.#clock.frame);
      else if (this.error !== undefined) throw this.error;
      else if (this.#faults.running === 0) return;
      else if (!(await this.#callEnded(this.#callTimeoutMs)))
        throw new Error(
          `no call has ended for ${this.#callTimeoutMs} ms of real time: hold a node instead of blocking it`,
        );
    }
  }

  /**
   * Resolves when the condition is met, for custom processors that wait for something which the driver doesn't know. The clock does
   * not advance. Rejects after `timeoutMs` of real time, or with the topology's error.
   */
  async until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      await everyPromise();
      if (condition()) return;
      if (this.error !== undefined) throw this.error;
      if (this.#clock.isDue) this.#clock.runAt(this.#clock.frame);
      else if (performance.now() > deadline) throw new Error(`the condition is not met after ${timeoutMs} ms`);
      else await this.#callEnded(10);
    }
  }

  /** Ends consumption, as SIGTERM does: what is in flight is finished. */
  async stop(): Promise<void> {
    await this.#source.stop();
    await this.idle();
  }

  /** Ends the topology, as SIGKILL does, and closes its outputs and the reader. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#run.unsubscribe();
    await Promise.all([...this.topology.outputs, this.#reader].map(async (node) => node.close()));
  }

  /** Resolves to whether a call ended within this real time. */
  async #callEnded(milliseconds: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, milliseconds, false);
    });
    try {
      return await Promise.race([this.#faults.ended().then(() => true), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Before a callback of setImmediate runs, Node runs every promise reaction, and those that follow from it. */
function everyPromise(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
