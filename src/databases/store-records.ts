/** Stores the records of several batches on one connection, and divides a statement that fails for some of them. */
import { SinkError } from '../errors.ts';
import type { StoredFile } from '../records/records.ts';
import type { BatchProgress } from './batch-progress.ts';
import type { DatabaseWriter } from './database-writer.ts';
import type { HeldUpRows } from './held-up-rows.ts';
import type { Accepted, RefusalBreaker } from './refusal-breaker.ts';
import { StatementError } from './statement-error.ts';
import type { StatementSize } from './statement-size.ts';

/** What the connections of a sink share. */
export interface Memory {
  readonly breaker: RefusalBreaker;
  readonly heldUp: HeldUpRows;
  readonly size: StatementSize;
}

/** One record to store. */
export interface Unit {
  readonly progress: BatchProgress;
  readonly file: StoredFile;
}

/** Batches that have to be written again, and why. */
export type Failures = ReadonlyMap<BatchProgress, unknown>;

/**
 * Stores `units` and notes in their batches what was stored and what was refused. k bad records among n cost at most 2k·log2(n)+k
 * further statements. Resolves to the batches that have to be written again; rejects with a SinkError where that concerns all of them.
 */
export async function storeRecords(units: readonly Unit[], writer: DatabaseWriter, memory: Memory): Promise<Failures> {
  return new Division(writer, memory).run(units);
}

class Division {
  readonly #writer: DatabaseWriter;
  readonly #memory: Memory;
  readonly #before: Accepted;
  readonly #failures = new Map<BatchProgress, unknown>();
  readonly #refused: { readonly unit: Unit; readonly error: StatementError }[] = [];

  constructor(writer: DatabaseWriter, memory: Memory) {
    this.#writer = writer;
    this.#memory = memory;
    this.#before = memory.breaker.soFar();
  }

  async run(units: readonly Unit[]): Promise<Failures> {
    const { heldUp } = this.#memory;
    const isHeldUp = ({ progress, file }: Unit) => {
      const record = progress.recordOf(file);
      return record !== undefined && heldUp.touches(record);
    };
    const blocked = units.filter(isHeldUp);
    await this.#store(blocked.length === 0 ? units : units.filter((unit) => !blocked.includes(unit)));
    await this.#storeAlone(blocked);
    await this.#judgeRefusals();
    return this.#failures;
  }

  async #store(units: readonly Unit[]): Promise<void> {
    const error = await this.#tryAll(units);
    if (error === undefined) return;
    if (units.length === 1) {
      for (const unit of units) await this.#failed(unit, error);
    } else if (error.code === 'timeout') await this.#storeSmaller(units);
    else {
      const middle = Math.ceil(units.length / 2);
      await this.#store(units.slice(0, middle));
      await this.#store(units.slice(middle));
    }
  }

  /** Resolves to the server's answer where a smaller statement may have another one; rejects with every other failure. */
  async #tryAll(units: readonly Unit[]): Promise<StatementError | undefined> {
    const { breaker, heldUp, size } = this.#memory;
    const records = units.flatMap(({ progress, file }) => progress.recordOf(file) ?? []);
    if (records.length === 0) return undefined;
    const start = performance.now();
    try {
      const rejections = await this.#writer.store(records);
      const refused = new Map(rejections.map(({ file, error }) => [file, error]));
      size.succeeded(records.length, performance.now() - start);
      breaker.accepted(refused.size === 0 ? records : records.filter(({ file }) => !refused.has(file)));
      for (const record of records) heldUp.remove(record);
      for (const unit of units) {
        const error = refused.get(unit.file);
        if (error === undefined) unit.progress.stored(unit.file);
        else await this.#failed(unit, asStatementError(error));
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof SinkError)) throw error;
      if (error.code === 'timeout') size.tooSlow(records.length);
      if (error.code === 'misconfigured') throw await this.#outOfOrder(error.detail);
      if (error instanceof StatementError && DIVISIBLE.has(error.code)) return error;
      throw error;
    }
  }

  /** In pieces of the size that fits by now. */
  async #storeSmaller(units: readonly Unit[]): Promise<void> {
    for (let at = 0; at < units.length; ) {
      const piece = units.slice(at, at + this.#memory.size.rows);
      await this.#store(piece);
      at += piece.length;
    }
  }

  /** Records that touch a locked row, one by one. The first that still waits for its lock ends the attempt: each costs a lock timeout. */
  async #storeAlone(units: readonly Unit[]): Promise<void> {
    // In another order each time, so that a locked row doesn't keep those from being tried that are free again.
    const shuffled = units.map((unit) => ({ unit, at: Math.random() })).sort((a, b) => a.at - b.at);
    for (const [position, { unit }] of shuffled.entries()) {
      const error = await this.#tryAll([unit]);
      if (error === undefined) continue;
      await this.#failed(unit, error);
      if (error.code === 'rejected') continue;
      for (const rest of shuffled.slice(position)) this.#failures.set(rest.unit.progress, error);
      return;
    }
  }

  async #failed(unit: Unit, error: StatementError): Promise<void> {
    const record = unit.progress.recordOf(unit.file);
    if (error.code !== 'rejected') {
      if (record !== undefined) this.#memory.heldUp.add(record);
      this.#failures.set(unit.progress, error);
      return;
    }
    this.#refused.push({ unit, error });
    if (this.#memory.breaker.refused(unit.file, error, this.#before)) throw await this.#outOfOrder(error.reason);
    await unit.progress.complete();
  }

  /** At the end, when it is known whether the database accepted other rows. */
  async #judgeRefusals(): Promise<void> {
    const { breaker } = this.#memory;
    // A column that was narrowed refuses some values and holds others: accepted rows don't show that the schema is right.
    if (this.#refused.some(({ error }) => error.about === 'value')) await breaker.requireSchema();
    for (const { unit, error } of this.#refused) {
      if (!(await this.#isAtFault(unit.file, error))) this.#failures.set(unit.progress, breaker.waiting(error));
      else {
        const last = await this.#refusesAgain(unit);
        if (last !== undefined) unit.progress.refused({ file: unit.file, error: last });
      }
    }
  }

  /**
   * Stores a refused record once more. A fault of the schema may have ended after the refusal: rows accepted since then don't show that the
   * record itself is at fault.
   */
  async #refusesAgain({ progress, file }: Unit): Promise<StatementError | undefined> {
    const record = progress.recordOf(file);
    if (record === undefined) return undefined;
    try {
      const [rejection] = await this.#writer.store([record]);
      if (rejection !== undefined) return asStatementError(rejection.error);
    } catch (error) {
      if (!(error instanceof StatementError && DIVISIBLE.has(error.code))) throw error;
      if (error.code === 'rejected') return error;
      this.#failures.set(progress, error);
      return undefined;
    }
    this.#memory.breaker.accepted([record]);
    progress.stored(file);
    return undefined;
  }

  async #isAtFault(file: StoredFile, error: StatementError): Promise<boolean> {
    const { breaker } = this.#memory;
    if (breaker.isAtFault(file, error) || (await breaker.judge(error))) return true;
    if (!breaker.hasWaited(file)) return false;
    await this.#storeLastAcceptedAgain(error);
    return true;
  }

  /** Rejects when the tables refuse what they accepted before: then the database is out of order. */
  async #storeLastAcceptedAgain(refusal: StatementError): Promise<void> {
    const { breaker } = this.#memory;
    const record = breaker.lastAccepted;
    if (record === undefined) return;
    try {
      await this.#writer.store([record]);
    } catch (error) {
      throw error instanceof SinkError && error.code === 'rejected' ? breaker.trip(refusal.reason) : error;
    }
  }

  /** Names what is wrong with the tables where the comparison finds it, else `reason`. */
  async #outOfOrder(reason: string): Promise<SinkError> {
    const { breaker } = this.#memory;
    try {
      await breaker.requireSchema();
    } catch (named) {
      if (named instanceof SinkError) return named;
      throw named;
    }
    return breaker.trip(reason);
  }
}

const DIVISIBLE: ReadonlySet<SinkError['code']> = new Set(['rejected', 'timeout', 'conflict']);

function asStatementError(error: SinkError): StatementError {
  if (error instanceof StatementError) return error;
  return new StatementError(error.sink, error.code, error.detail, { about: 'value' });
}
