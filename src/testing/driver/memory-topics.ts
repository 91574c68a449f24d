import { deadLetter } from '../../dead-letters/format.ts';
import { originHeaders } from '../../kafka/consumer/origin.ts';
import type { ProducerRecord } from '../../kafka/producer/producer-record.ts';
import type { DeadLetterSink, Sink } from '../../ports.ts';
import type { Batch, BatchRecord, PoisonRecord } from '../../records/records.ts';
import { type Publication, publications, type RecordOf } from '../../sinks/publications.ts';
import type { OutputRecord } from './test-topics.ts';

/** The output topics in memory. */
export class MemoryTopics {
  readonly #topics = new Map<string, OutputRecord[]>();
  readonly #now: () => number;
  /** The dead-lettered records of all topologies, with their errors. */
  readonly poison: PoisonRecord[] = [];

  /** `now` returns the timestamp of published records that have none of their own, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The records of a topic, the oldest first. */
  of(topic: string): OutputRecord[] {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    const created: OutputRecord[] = [];
    this.#topics.set(topic, created);
    return created;
  }

  publish(records: readonly Publication[]): void {
    for (const { record } of records) this.#append(record);
  }

  publishDeadLetters({ poison }: Batch<BatchRecord>, topic: string): void {
    this.poison.push(...poison);
    for (const record of poison) this.#append(deadLetter(topic, record, originHeaders));
  }

  /** A sink that publishes at once. */
  sink<R extends BatchRecord>(name: string, topic: string, recordOf: RecordOf<R>): Sink<R> {
    return {
      name,
      target: { kind: 'topic', name: topic },
      connect: async () => undefined,
      write: async (batch) => {
        this.publish(publications(batch, [{ name, topic, recordOf }]));
        return [];
      },
      close: async () => undefined,
    };
  }

  /** The dead-letter sink, with the format of the real one. */
  deadLetterSink(name: string, topic: string): DeadLetterSink {
    return {
      name,
      target: { kind: 'dead_letter', name: topic },
      connect: async () => undefined,
      write: async (batch) => {
        this.publishDeadLetters(batch, topic);
        return [];
      },
      close: async () => undefined,
    };
  }

  #append({ topic, key, value, headers = [], timestamp = this.#now() }: ProducerRecord): void {
    this.of(topic).push({ key: bytes(key), value: bytes(value), headers, timestamp });
  }
}

function bytes(text: string | Buffer | null): Buffer | null {
  return typeof text === 'string' ? Buffer.from(text) : text;
}
