/** A group of records to publish. A retry sends only the records that are not acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isConsequence, isRefusal, SilenceError } from './produce-errors.ts';
import type { ProducerClient } from './producer-client.ts';
import type { ProducerRecord } from './producer-record.ts';

/**
 * `unsent`: to be sent for the first time or again. `queued`: in the client's queue, its delivery report is pending. `delivered`:
 * acknowledged. `refused`: refused by the broker when it was alone in its batch.
 */
type Status = 'unsent' | 'queued' | 'delivered' | 'refused';

interface Entry {
  readonly record: ProducerRecord;
  status: Status;
  /** Whether to send the record in a batch of its own, because the broker refused a batch that contained it. */
  alone: boolean;
  error: unknown;
}

/** A record that the broker refused. */
export interface Refusal {
  /** The record's index among those of the delivery. */
  readonly index: number;
  readonly error: unknown;
}

const QUEUE_FULL_MS = 20;

/** The state of each record of the group, kept over its retries. */
export class Delivery {
  readonly #entries: readonly Entry[];
  /** The number of records in the queue of the batching client, and of the client with single-record batches. */
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

  /** Whether records are to be sent in batches, or are in the queue of the batching client. */
  get needsBatches(): boolean {
    return this.#queued.batched > 0 || this.#entries.some(({ status, alone }) => status === 'unsent' && !alone);
  }

  /** Whether records are to be sent alone, or are in the queue of the client with single-record batches. */
  get needsSingles(): boolean {
    return this.#queued.single > 0 || this.#entries.some(({ status, alone }) => status === 'unsent' && alone);
  }

  /** The topics of the records that are sent alone. */
  get refusedTopics(): ReadonlySet<string> {
    return new Set(this.#entries.filter(({ alone }) => alone).map(({ record }) => record.topic));
  }

  /** The first error of the last `send`, with the topic of its record. An error that names a cause is preferred. */
  get failure(): { readonly error: unknown; readonly topic: string } | undefined {
    return this.#failed && { error: this.#failed.error, topic: this.#failed.record.topic };
  }

  /** Sends the unsent records of these topics alone. */
  sendAlone(isSingle: (topic: string) => boolean): void {
    for (const entry of this.#entries)
      if (entry.status === 'unsent' && isSingle(entry.record.topic)) entry.alone = true;
  }

  /** Sends the refused records again, alone: the topic's limits may have been changed. */
  retryRefused(): void {
    for (const entry of this.#entries) {
      if (entry.status !== 'refused') continue;
      entry.status = 'unsent';
      entry.alone = true;
    }
  }

  /**
   * Sends the unsent records: those to be sent alone (`alone`, by a client with single-record batches), or the others. Resolves when every
   * queued record has its delivery report, successful or not. Rejects with a SilenceError when the client made no progress for
   * `deadlineMs`; the records stay in its queue, and the next call waits for them.
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
      // An error of the client itself, such as a record above its size limit, concerns this record alone.
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
