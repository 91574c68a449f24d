import type { ConsumedRecord, RecordHeader } from '../../records/records.ts';

/** A record that a topology has published. */
export interface OutputRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
  /** In milliseconds since the epoch: its own one, else that of the driver's clock when it was published. */
  readonly timestamp: number;
}

/** What is piped in beside the value. */
export interface InputOptions {
  /** UTF-8. Default: null. */
  readonly key?: string | Buffer | null;
  readonly headers?: readonly RecordHeader[];
  /** Default 0. */
  readonly partition?: number;
  /** In milliseconds since the epoch. Default: the time of the input topic. -1 for a record without a timestamp. */
  readonly timestamp?: number;
}

/** The value to pipe in: objects become JSON, strings UTF-8. */
export type InputValue = object | string | Buffer | null;

/** One record to pipe in. */
export interface InputRecord extends InputOptions {
  readonly value: InputValue;
}

/** The time of an input topic: the timestamps of the records that get none of their own. */
export interface InputTime {
  /** The first timestamp, in milliseconds since the epoch. Default: the driver's clock at each record, or now with `advanceMs`. */
  readonly startTimestamp?: number;
  /** Added after each record that has no timestamp of its own, in milliseconds. Default 0. */
  readonly advanceMs?: number;
}

/** What an input topic needs of the driver. */
export interface InputDriver {
  /** Emits a record at the next offset of its partition. */
  pipe(record: Omit<ConsumedRecord, 'origin'>, partition: number): ConsumedRecord;
  /** Resolves when the topology has nothing left to do before the clock advances. */
  idle(): Promise<void>;
  /** The driver's clock in milliseconds since the epoch. */
  now(): number;
}

/** Pipes records into a topology, like Kafka Streams' TestInputTopic (KIP-470). */
export class TestInputTopic {
  readonly #driver: InputDriver;
  readonly #advanceMs: number;
  /** The next timestamp; undefined while it is the driver's clock. */
  #time: number | undefined;

  /** Throws a RangeError when a time is negative. */
  constructor(driver: InputDriver, { startTimestamp, advanceMs = 0 }: InputTime = {}) {
    this.#driver = driver;
    this.#advanceMs = notNegative('advanceMs', advanceMs);
    const start = startTimestamp ?? (advanceMs > 0 ? driver.now() : undefined);
    this.#time = start === undefined ? undefined : notNegative('startTimestamp', start);
  }

  /**
   * Adds to the timestamp of the next records, in milliseconds. From then on, they don't follow the driver's clock, which does not
   * advance. Throws a RangeError when the time is negative.
   */
  advanceTime(milliseconds: number): void {
    this.#time = (this.#time ?? this.#driver.now()) + notNegative('milliseconds', milliseconds);
  }

  /**
   * Consumes one record at the next offset of its partition. Objects become JSON, strings UTF-8. The record is emitted before this method
   * returns; the promise resolves to it when the topology has nothing left to do before the clock advances.
   */
  async pipeInput(value: InputValue, options: InputOptions = {}): Promise<ConsumedRecord> {
    const record = this.#pipe({ ...options, value });
    await this.#driver.idle();
    return record;
  }

  /** Consumes several records, one after the other, without waiting in between. */
  async pipeValues(values: readonly InputValue[], options: InputOptions = {}): Promise<readonly ConsumedRecord[]> {
    return await this.pipeRecords(values.map((value) => ({ ...options, value })));
  }

  /** Like `pipeValues`, for records with different keys, headers, partitions or timestamps. */
  async pipeRecords(records: readonly InputRecord[]): Promise<readonly ConsumedRecord[]> {
    const piped = records.map((record) => this.#pipe(record));
    await this.#driver.idle();
    return piped;
  }

  #pipe({ value, key = null, headers = [], partition = 0, timestamp }: InputRecord): ConsumedRecord {
    const record = {
      key: typeof key === 'string' ? Buffer.from(key) : key,
      value: toBytes(value),
      headers,
      timestamp: this.#timestamp(timestamp),
    };
    return this.#driver.pipe(record, partition);
  }

  /** The timestamp of one record. Kafka's -1 means none. */
  #timestamp(own: number | undefined): number | undefined {
    if (own === -1) return undefined;
    if (own !== undefined) return notNegative('timestamp', own);
    const time = this.#time ?? this.#driver.now();
    if (this.#time !== undefined) this.#time += this.#advanceMs;
    return time;
  }
}

/** Reads what a topology has published to one topic, like Kafka Streams' TestOutputTopic (KIP-470). Each reads from the beginning. */
export class TestOutputTopic<V> {
  readonly #topic: string;
  readonly #records: readonly OutputRecord[];
  readonly #deserialize: (value: Buffer) => V;
  #next = 0;

  constructor(topic: string, records: readonly OutputRecord[], deserialize: (value: Buffer) => V) {
    this.#topic = topic;
    this.#records = records;
    this.#deserialize = deserialize;
  }

  /** Whether there is no record left to read. */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** The number of records that are left to read. */
  get size(): number {
    return this.#records.length - this.#next;
  }

  /** Reads the next record: key as UTF-8, value, headers, and timestamp. Throws a RangeError when there is none. */
  readRecord(): { key: string | null; value: V | null; headers: readonly RecordHeader[]; timestamp: number } {
    const record = this.#records[this.#next];
    if (record === undefined) throw new RangeError(`there is no record left in ${this.#topic}`);
    this.#next++;
    const { key, value, headers, timestamp } = record;
    return {
      key: key?.toString() ?? null,
      value: value === null ? null : this.#deserialize(value),
      headers,
      timestamp,
    };
  }

  /** Reads the next record without headers and timestamp. Throws a RangeError when there is none. */
  readKeyValue(): { key: string | null; value: V | null } {
    const { key, value } = this.readRecord();
    return { key, value };
  }

  /** Reads the value of the next record. Throws a RangeError when there is none. */
  readValue(): V | null {
    return this.readRecord().value;
  }

  /** Reads all records that are left. */
  readRecords(): readonly ReturnType<TestOutputTopic<V>['readRecord']>[] {
    return Array.from({ length: this.size }, () => this.readRecord());
  }
}

function notNegative(name: string, milliseconds: number): number {
  if (milliseconds >= 0) return milliseconds;
  throw new RangeError(`${name} is ${milliseconds}: expected a number of milliseconds that is not negative`);
}

function toBytes(value: InputValue): Buffer | null {
  if (value === null || Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}
