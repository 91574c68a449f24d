import type { ConsumedRecord, RecordHeader } from '../../records/records.ts';

/** A record that a topology has published. */
export interface OutputRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
  /** The driver's clock when it was published, in milliseconds. */
  readonly timestamp: number;
}

/** What is piped in beside the value. */
export interface InputOptions {
  /** UTF-8. Default: null. */
  readonly key?: string | Buffer | null;
  readonly headers?: readonly RecordHeader[];
  /** Default 0. */
  readonly partition?: number;
}

/** Pipes records into a topology, like Kafka Streams' TestInputTopic (KIP-470). */
export class TestInputTopic {
  readonly #pipe: (value: Buffer | null, options: InputOptions) => ConsumedRecord;
  readonly #idle: () => Promise<void>;

  constructor(pipe: (value: Buffer | null, options: InputOptions) => ConsumedRecord, idle: () => Promise<void>) {
    this.#pipe = pipe;
    this.#idle = idle;
  }

  /**
   * Consumes one record at the next offset of its partition. Objects become JSON, strings UTF-8. The record is emitted before this method
   * returns; the promise resolves to it when the topology has nothing left to do before the clock advances.
   */
  async pipeInput(value: object | string | Buffer | null, options: InputOptions = {}): Promise<ConsumedRecord> {
    const record = this.#pipe(toBytes(value), options);
    await this.#idle();
    return record;
  }

  /** Consumes several records, one after the other, without waiting in between. */
  async pipeValues(
    values: readonly (object | string | Buffer | null)[],
    options: InputOptions = {},
  ): Promise<readonly ConsumedRecord[]> {
    const records = values.map((value) => this.#pipe(toBytes(value), options));
    await this.#idle();
    return records;
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

  /** Reads the next record: key as UTF-8, value, headers, and the time of the driver's clock. Throws a RangeError when there is none. */
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

function toBytes(value: object | string | Buffer | null): Buffer | null {
  if (value === null || Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}
