/**
 * Decides which refused records are at fault. A rule of a table can appear and disappear between two statements, so neither a refusal nor
 * rows that were accepted before or after it prove anything. What counts is what the server says now.
 */
import { SinkError } from '../errors.ts';
import type { GroupedRecord, StoredFile } from '../records/records.ts';
import type { BatchProgress } from './batch-progress.ts';
import type { DatabaseWriter } from './database-writer.ts';
import type { RefusalBreaker } from './refusal-breaker.ts';
import { asStatementError, isDivisible, type StatementError } from './statement-error.ts';

/** A record that the database refused alone. */
export interface Refusal {
  readonly progress: BatchProgress;
  readonly file: StoredFile;
  readonly error: StatementError;
}

/**
 * Tries refused records again, between two checks of the tables. Those that are refused again count as at fault; see `Judgement.#tryAgain`.
 * Updates the progress of their batches. Resolves to the batches that must be retried, with the error of each. Rejects with a SinkError
 * `unavailable`, and refuses no record, when the database is out of order.
 */
export async function judgeRefusals(
  refusals: readonly Refusal[],
  writer: DatabaseWriter,
  breaker: RefusalBreaker,
): Promise<ReadonlyMap<BatchProgress, unknown>> {
  return new Judgement(writer, breaker).run(refusals);
}

class Judgement {
  readonly #writer: DatabaseWriter;
  readonly #breaker: RefusalBreaker;
  readonly #failures = new Map<BatchProgress, unknown>();
  /** Whether the last statement showed that the tables accept rows. */
  #acceptsNow = false;

  constructor(writer: DatabaseWriter, breaker: RefusalBreaker) {
    this.#writer = writer;
    this.#breaker = breaker;
  }

  async run(refusals: readonly Refusal[]): Promise<ReadonlyMap<BatchProgress, unknown>> {
    if (refusals.length === 0) return this.#failures;
    await this.#breaker.requireSchema();
    const refusedAgain: Refusal[] = [];
    for (const refusal of refusals) {
      const error = await this.#judge(refusal);
      if (error !== undefined) refusedAgain.push({ ...refusal, error });
    }
    // A column that was added or narrowed after the first check may be the cause.
    if (refusedAgain.length > 0) await this.#breaker.requireSchema();
    for (const { progress, file, error } of refusedAgain) progress.refused({ file, error });
    return this.#failures;
  }

  /** Resolves to the error of the refusal for which the record is at fault. */
  async #judge({ progress, file, error }: Refusal): Promise<StatementError | undefined> {
    const record = progress.recordOf(file);
    if (record === undefined) return undefined;
    if (!this.#breaker.mayBeAtFault(file, error)) {
      this.#failures.set(progress, this.#breaker.waiting(error));
      return undefined;
    }
    try {
      const refusal = await this.#tryAgain(record, error);
      if (refusal === undefined) progress.stored(file);
      else if (refusal.about === 'table') this.#failures.set(progress, this.#breaker.waiting(refusal));
      else return refusal;
    } catch (failure) {
      if (!isDivisible(failure)) throw failure;
      this.#failures.set(progress, failure);
    }
    return undefined;
  }

  /**
   * Resolves to the error if the record is refused again. Where a rule of the table refuses it, directly before and after it the tables must
   * accept a record that they accepted earlier.
   */
  async #tryAgain(record: GroupedRecord, error: StatementError): Promise<StatementError | undefined> {
    if (error.about === 'rule' && !this.#acceptsNow) await this.#requireAccepting(error);
    const refusal = await this.#storeOne(record);
    this.#acceptsNow = refusal === undefined;
    if (refusal === undefined) this.#breaker.accepted([record]);
    else if (refusal.about === 'rule') await this.#requireAccepting(refusal);
    return refusal;
  }

  /** Stores the last accepted record again. Rejects with a SinkError `unavailable` if it is refused now: the database is out of order. */
  async #requireAccepting({ reason }: StatementError): Promise<void> {
    const record = this.#breaker.lastAccepted;
    if (record === undefined) return;
    if ((await this.#storeOne(record)) !== undefined) throw this.#breaker.trip(reason);
    this.#acceptsNow = true;
  }

  /** Resolves to the error if the record is refused; rejects with any other error. */
  async #storeOne(record: GroupedRecord): Promise<StatementError | undefined> {
    try {
      const [rejection] = await this.#writer.store([record]);
      return rejection === undefined ? undefined : asStatementError(rejection.error);
    } catch (error) {
      if (error instanceof SinkError && error.code === 'rejected') return asStatementError(error);
      throw error;
    }
  }
}
