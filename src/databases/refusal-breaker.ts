/**
 * Tells a bad row from a table that accepts no row. A row is at fault when the database refuses it alone and accepts others; a database that
 * refuses one row after the other for the same reason is out of order.
 */
import { SinkError } from '../errors.ts';
import type { GroupedRecord, StoredFile } from '../records/records.ts';
import { hasAllRows, hasRow, type StatementError, TABLE_KINDS, type TableKind } from './statement-error.ts';

export interface RefusalBreakerOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  /** So many rows refused one after the other, all for one reason and none accepted, and the database is out of order. */
  readonly limit: number;
  /** Compares the tables with what the service needs; rejects with a SinkError `misconfigured` that names the difference. */
  readonly checkSchema: () => Promise<void>;
  /** Milliseconds that a refused record waits for another one to be accepted. */
  readonly holdMs: number;
}

/** Rows accepted so far, by table. */
export type Accepted = Readonly<Record<TableKind, number>>;

export class RefusalBreaker {
  readonly #options: RefusalBreakerOptions;
  readonly #accepted: Record<TableKind, number> = { object: 0, state: 0, image: 0 };
  /** When a record was refused first, and what had been accepted before. */
  readonly #firstRefusals = new WeakMap<StoredFile, { readonly at: number; readonly before: Accepted }>();
  #lastAccepted: GroupedRecord | undefined;
  #streak = { reason: '', table: undefined as TableKind | undefined, rows: 0 };
  #outOfOrder: string | undefined;

  constructor(options: RefusalBreakerOptions) {
    this.#options = options;
  }

  /** Why the database is out of order, or undefined. */
  get outOfOrder(): SinkError | undefined {
    return this.#outOfOrder === undefined ? undefined : this.#unavailable(this.#outOfOrder);
  }

  /** The database has accepted rows again: it is in order. */
  accepted(records: readonly GroupedRecord[]): void {
    this.#outOfOrder = undefined;
    this.#lastAccepted = records.findLast(hasAllRows) ?? this.#lastAccepted;
    const { table } = this.#streak;
    for (const kind of TABLE_KINDS) {
      const rows = records.reduce((sum, record) => sum + (hasRow(record, kind) ? 1 : 0), 0);
      this.#accepted[kind] += rows;
      if (rows > 0 && (table === undefined || table === kind)) this.#streak.rows = 0;
    }
  }

  /** What was accepted by now. */
  soFar(): Accepted {
    return { ...this.#accepted };
  }

  /**
   * A record was refused alone; `before` is what had been accepted before the statement that it came in. True when it is the last of too many:
   * the database is out of order.
   */
  refused(file: StoredFile, error: StatementError, before: Accepted): boolean {
    if (this.#firstRefusals.has(file)) return false;
    this.#firstRefusals.set(file, { at: performance.now(), before });
    const rows = this.#streak.reason === error.reason ? this.#streak.rows + 1 : 1;
    this.#streak = { reason: error.reason, table: error.table, rows };
    return rows >= this.#options.limit;
  }

  /** Whether the table that refused the record has accepted another row since. Where the server named none, whether every table has. */
  isAtFault(file: StoredFile, { table }: StatementError): boolean {
    const before = this.#firstRefusals.get(file)?.before;
    if (before === undefined) return false;
    const tables = table === undefined ? TABLE_KINDS : [table];
    return tables.every((kind) => this.#accepted[kind] > before[kind]);
  }

  /** Whether a refused record has waited long enough for another one to be accepted. */
  hasWaited(file: StoredFile): boolean {
    return performance.now() - (this.#firstRefusals.get(file)?.at ?? 0) >= this.#options.holdMs;
  }

  /** A record that the database accepted before: stored again it changes nothing, and shows whether the tables still accept rows. */
  get lastAccepted(): GroupedRecord | undefined {
    return this.#lastAccepted;
  }

  /**
   * What a refusal means while nothing was accepted since: true when the value is at fault whatever the table does, false when the record has
   * to wait until another one is accepted. Rejects with a SinkError `unavailable` when the schema is at fault.
   */
  async judge(error: StatementError): Promise<boolean> {
    await this.requireSchema();
    return error.about === 'value';
  }

  /** Rejects with a SinkError `unavailable` that names what is wrong with the tables; from then on the database is out of order. */
  async requireSchema(): Promise<void> {
    try {
      await this.#options.checkSchema();
    } catch (error) {
      if (error instanceof SinkError && error.code === 'misconfigured') throw this.trip(error.detail);
      throw error;
    }
  }

  /** What a batch is rejected with while one of its records waits for another one to be accepted. */
  waiting(error: StatementError): SinkError {
    return this.#unavailable(`no row accepted yet: ${error.reason}`);
  }

  /** The database is out of order until it accepts a row. */
  trip(reason: string): SinkError {
    this.#outOfOrder = `out of order: ${reason}`;
    return this.#unavailable(this.#outOfOrder);
  }

  #unavailable(detail: string): SinkError {
    return new SinkError(this.#options.name, 'unavailable', detail);
  }
}
