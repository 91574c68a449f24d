/** Stores the records of several batches on one connection, and divides a statement that fails for some of them. */
import { SinkError } from '../errors.ts';
import type { StoredFile } from '../records/records.ts';
import type { BatchProgress } from './batch-progress.ts';
import type { DatabaseWriter } from './database-writer.ts';
import type { HeldUpRows } from './held-up-rows.ts';
import { judgeRefusals, type Refusal } from './judge-refusals.ts';
import type { Accepted, RefusalBreaker } from './refusal-breaker.ts';
import { asStatementError, isDivisible, StatementError } from './statement-error.ts';
import type { StatementSize } from './statement-size.ts';

/** The state that the connections of a sink share. */
export interface SharedState {
  readonly breaker: RefusalBreaker;
  readonly heldUp: HeldUpRows;
  readonly size: StatementSize;
}

/** One record to store. */
export interface Unit {
  readonly progress: BatchProgress;
  readonly file: StoredFile;
}

/** The batches that must be retried, with the error of each. */
export type Failures = ReadonlyMap<BatchProgress, unknown>;

/**
 * Stores `units` and updates the progress of their batches. k bad records among n cost at most 2k·log2(n)+k+1 further statements, and k+1
 * more where a rule of the table refuses them. Resolves to the batches that must be retried; rejects with a SinkError when all of them must be.
 */
export async function storeRecords(
  units: readonly Unit[],
  writer: DatabaseWriter,
  shared: SharedState,
): Promise<Failures> {
  return new Division(writer, shared).run(units);
}

class Division {
  readonly #writer: DatabaseWriter;
  readonly #shared: SharedState;
  readonly #before: Accepted;
  readonly #failures = new Map<BatchProgress, unknown>();
  readonly #refused: Refusal[] = [];
  /** Whether some units are stored before others. Then a record may have to wait for one that carries a row which it lacks. */
  #isDivided = false;
  /** Whether nothing waits any longer, because what could be waited for is decided. */
  #isLastAttempt = false;
  /** The units that wait for such a record. */
  #covered: Unit[] = [];
  /** Records that the server identified as bad. */
  #named = 0;
  /** Records that waited too long, each alone, without a record accepted between them. */
  #waitedInARow = 0;
  #lastWait: StatementError | undefined;

  constructor(writer: DatabaseWriter, shared: SharedState) {
    this.#writer = writer;
    this.#shared = shared;
    this.#before = shared.breaker.soFar();
  }

  async run(units: readonly Unit[]): Promise<Failures> {
    const blocked = units.filter((unit) => this.#isHeldUp(unit));
    this.#isDivided = blocked.length > 0;
    await this.#store(blocked.length === 0 ? units : units.filter((unit) => !blocked.includes(unit)));
    await this.#storeAlone(blocked);
    await this.#storeCovered();
    // Last, when it is known whether the database accepted other rows.
    const failures = await judgeRefusals(this.#refused, this.#writer, this.#shared.breaker);
    for (const [progress, error] of failures) this.#failures.set(progress, error);
    return this.#failures;
  }

  #isHeldUp({ progress, file }: Unit): boolean {
    const record = progress.recordOf(file);
    return record !== undefined && this.#shared.heldUp.touches(record);
  }

  /** Stores the records that waited for others which are stored or refused by now. The rest fails with the others of its batch. */
  async #storeCovered(): Promise<void> {
    for (let before = Number.POSITIVE_INFINITY; this.#covered.length < before; ) {
      const waiting = this.#covered;
      this.#covered = [];
      before = waiting.length;
      await this.#store(waiting);
    }
    this.#isLastAttempt = true;
    await this.#store(this.#covered.filter(({ progress }) => !this.#failures.has(progress)));
  }

  /** The units that may be stored now. The others are kept until the records that cover them are stored or refused. */
  #withoutCovered(units: readonly Unit[]): readonly Unit[] {
    if (!this.#isDivided || this.#isLastAttempt) return units;
    const files = new Set(units.map(({ file }) => file));
    const batches = new Set(units.map(({ progress }) => progress));
    const covered = new Set([...batches].flatMap((progress) => progress.covered(files)));
    if (covered.size === 0) return units;
    this.#covered.push(...units.filter(({ file }) => covered.has(file)));
    return units.filter(({ file }) => !covered.has(file));
  }

  async #store(all: readonly Unit[]): Promise<void> {
    if (this.#waitedInARow >= MAX_WAITS) {
      for (const { progress } of all) this.#failures.set(progress, this.#lastWait);
      return;
    }
    const units = this.#withoutCovered(all);
    const error = await this.#tryAll(units);
    if (error === undefined) return;
    this.#isDivided = true;
    if (error instanceof Map) await this.#storeOthers(units, error);
    else if (units.length === 1) {
      for (const unit of units) await this.#failed(unit, error);
    } else if (error.code === 'timeout') await this.#storeSmaller(units);
    else {
      // In random order, so that neighbours whose rows are locked together don't look like a locked table.
      const ordered = error.code === 'conflict' ? shuffled(units) : units;
      const middle = Math.ceil(ordered.length / 2);
      await this.#store(ordered.slice(0, middle));
      await this.#store(ordered.slice(middle));
    }
  }

  /**
   * Resolves to the server's error if smaller statements may succeed, or to the error of each record that the server identified; rejects
   * with any other error.
   */
  async #tryAll(units: readonly Unit[]): Promise<StatementError | NamedRecords | undefined> {
    const { breaker, heldUp, size } = this.#shared;
    const records = units.flatMap(({ progress, file }) => progress.recordOf(file) ?? []);
    if (records.length === 0) return undefined;
    const start = performance.now();
    try {
      const rejections = await this.#writer.store(records);
      if (rejections.length > 0) return new Map(rejections.map(({ file, error }) => [file, asStatementError(error)]));
      this.#waitedInARow = 0;
      size.succeeded(records.length, performance.now() - start);
      breaker.accepted(records);
      for (const record of records) heldUp.remove(record);
      for (const unit of units) unit.progress.stored(unit.file);
      return undefined;
    } catch (error) {
      if (!(error instanceof SinkError)) throw error;
      if (error.code === 'timeout') size.tooSlow(records.length);
      if (error instanceof StatementError && error.tooLarge) size.tooLarge(records.length);
      if (error.code === 'misconfigured') throw await breaker.outOfOrderFor(error.detail);
      if (isDivisible(error)) return error;
      throw error;
    }
  }

  /**
   * Stores all but the records that the server identified. Only now, when these are known to be refused, can the rows that theirs superseded
   * be stored. A statement with many bad records is divided too, because each costs a whole statement.
   */
  async #storeOthers(units: readonly Unit[], named: NamedRecords): Promise<void> {
    for (const unit of units) {
      const error = named.get(unit.file);
      if (error !== undefined) await this.#failed(unit, error);
    }
    const others = units.filter(({ file }) => !named.has(file));
    this.#named += named.size;
    const middle = this.#named > MANY_NAMED ? Math.ceil(others.length / 2) : others.length;
    await this.#store(others.slice(0, middle));
    await this.#store(others.slice(middle));
  }

  /** Stores in pieces of the current statement size. */
  async #storeSmaller(units: readonly Unit[]): Promise<void> {
    for (let at = 0; at < units.length; ) {
      const piece = units.slice(at, at + this.#shared.size.rows);
      await this.#store(piece);
      at += piece.length;
    }
  }

  /** Stores records with a locked row one by one. Stops at the first one that is still locked, since each costs a lock timeout. */
  async #storeAlone(units: readonly Unit[]): Promise<void> {
    // In random order, so that one locked row doesn't prevent attempts at rows that are no longer locked.
    const ordered = shuffled(units);
    for (const [position, unit] of ordered.entries()) {
      if (this.#waitedInARow >= MAX_WAITS) {
        this.#failures.set(unit.progress, this.#lastWait);
        continue;
      }
      if (this.#withoutCovered([unit]).length === 0) continue;
      const outcome = await this.#tryAll([unit]);
      const error = outcome instanceof Map ? outcome.get(unit.file) : outcome;
      if (error === undefined) continue;
      await this.#failed(unit, error);
      if (error.code === 'rejected') continue;
      for (const rest of ordered.slice(position)) this.#failures.set(rest.progress, error);
      return;
    }
  }

  async #failed(unit: Unit, error: StatementError): Promise<void> {
    const record = unit.progress.recordOf(unit.file);
    if (error.code !== 'rejected') {
      if (record !== undefined) this.#shared.heldUp.add(record);
      this.#failures.set(unit.progress, error);
      this.#waitedInARow++;
      this.#lastWait = error;
      return;
    }
    this.#refused.push({ ...unit, error });
    if (this.#shared.breaker.refused(unit.file, error, this.#before))
      throw await this.#shared.breaker.outOfOrderFor(error.reason);
    await unit.progress.complete();
  }
}

/** The records that the server identified as bad, with the error of each. */
type NamedRecords = Map<StoredFile, StatementError>;

/** After this number of records that the server identified, statements are divided as well. */
const MANY_NAMED = 8;

/** After this number of consecutive records that waited too long, an attempt ends: the table is locked, not a row. */
const MAX_WAITS = 2;

function shuffled<T>(values: readonly T[]): readonly T[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
