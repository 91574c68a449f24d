/** Some records on their way to the brokers: what is acknowledged is never sent again, however often sending is repeated. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isConsequence, isRefusal, SilenceError } from './produce-errors.ts';
import type { ProducerClient } from './producer-client.ts';
import type { ProducerRecord } from './producer-record.ts';

/**
 * `unsent`: to be sent, again or for the first time. `queued`: the client has it and will report it. `delivered`: acknowledged.
 * `refused`: the broker refused it when it was alone in its batch.
 */
type Status = 'unsent' | 'queued' | 'delivered' | 'refused';

interface Entry {
  readonly record: ProducerRecord;
  status: Status;
  /** The broker refused a batch that it was in. From then on it is sent alone. */
  alone: boolean;
  error: unknown;
}

export interface Refusal {
  /** The record's index among those of the delivery. */
  readonly index: number;
  readonly error: unknown;
}

const QUEUE_FULL_MS = 20;

export class Delivery {
  readonly #entries: readonly Entry[];
  /** Records in the queue of the client with batches, and of the client with single-record batches. */
  readonly #queued = { batched: 0, single: 0 };
  #failed: Entry | undefined;
  #idle: (() => void) | undefined;

  constructor(records: readonly ProducerRecord[]) {
    this.#entries = records.map((record) => ({ record, status: 'unsent', alone: false, error: undefined }));
  }

  /** The records that the broker refused when they were alone. */
  get refusals(): readonly Refusal[] {
    return this.#entries.flatMap(({ status, error }, index) => (status === 'refused' ? [{ index, error }] : []));
  }

  /** Whether records are to be sent in batches, or are in the queue of the client that batches. */
  get needsBatches(): boolean {
    return this.#queued.batched > 0 || this.#entries.some(({ status, alone }) => status === 'unsent' && !alone);
  }

  /** Whether records are to be sent alone, since the batch that they were in was refused. */
  get needsSingles(): boolean {
    return this.#queued.single > 0 || this.#entries.some(({ status, alone }) => status === 'unsent' && alone);
  }

  /** The topics of the records that were refused in a batch. */
  get refusedTopics(): ReadonlySet<string> {
    return new Set(this.#entries.filter(({ alone }) => alone).map(({ record }) => record.topic));
  }

  /** The first error since the last `send`, with the record that it belongs to; one that names a cause is preferred. */
  get failure(): { readonly error: unknown; readonly topic: string } | undefined {
    return this.#failed && { error: this.#failed.error, topic: this.#failed.record.topic };
  }

  /** From now on, records of these topics are sent alone. */
  sendAlone(isSingle: (topic: string) => boolean): void {
    for (const entry of this.#entries)
      if (entry.status === 'unsent' && isSingle(entry.record.topic)) entry.alone = true;
  }

  /** Refused records are to be sent again, alone: the topic's limits may have been changed. */
  retryRefused(): void {
    for (const entry of this.#entries) {
      if (entry.status !== 'refused') continue;
      entry.status = 'unsent';
      entry.alone = true;
    }
  }

  /**
   * Sends what is unsent: the records that must go alone by a client with single-record batches (`alone`), or the others. Resolves when
   * every queued record is reported, whatever the outcome. Rejects with a SilenceError when the client made no progress for `deadlineMs`;
   * the records stay in its queue, and the next call waits for them.
   */
  async send(client: ProducerClient, alone: boolean, deadlineMs: number): Promise<void> {
    this.#failed = undefined;
    const begun = performance.now();
    const check = () => {
      const silentFor = performance.now() - Math.max(begun, client.lastProgress);
      if (silentFor >= deadlineMs) throw new SilenceError();
      return deadlineMs - silentFor;
    };
    for (const entry of this.#entries) {
      if (entry.status !== 'unsent' || entry.alone !== alone) continue;
      while (!this.#queue(client, entry)) {
        check();
        await sleep(QUEUE_FULL_MS);
      }
    }
    while (this.#queued[queueOf(alone)] > 0) await this.#idleWithin(check());
  }

  /** False when the client's queue is full. */
  #queue(client: ProducerClient, entry: Entry): boolean {
    try {
      const { alone } = entry;
      if (!client.produce(entry.record, (error) => this.#reported(entry, alone, error))) return false;
      entry.status = 'queued';
      this.#queued[queueOf(alone)]++;
    } catch (error) {
      // The client's own verdict, such as a record over its size limit, is about this record alone.
      this.#failedWith(entry, true, error);
    }
    return true;
  }

  #reported(entry: Entry, alone: boolean, error: unknown): void {
    this.#queued[queueOf(alone)]--;
    if (error === undefined) entry.status = 'delivered';
    else this.#failedWith(entry, alone, error);
    if (this.#queued[queueOf(alone)] === 0) this.#idle?.();
  }

  #failedWith(entry: Entry, alone: boolean, error: unknown): void {
    entry.error = error;
    if (!isRefusal(error)) {
      entry.status = 'unsent';
      if (this.#failed === undefined || (isConsequence(this.#failed.error) && !isConsequence(error)))
        this.#failed = entry;
    } else if (alone) entry.status = 'refused';
    else {
      entry.status = 'unsent';
      entry.alone = true;
    }
  }

  /** Resolves when a queue is empty, or after `milliseconds`. */
  #idleWithin(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function queueOf(alone: boolean): 'batched' | 'single' {
  return alone ? 'single' : 'batched';
}
