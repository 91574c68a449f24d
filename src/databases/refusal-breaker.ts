/**
 * Distinguishes a bad row from a table that accepts no row. A row is at fault when the database refuses it alone and accepts others. A
 * database that refuses consecutive rows for the same reason is out of order.
 */
import { SinkError } from '../errors.ts';
import type { GroupedRecord, StoredFile } from '../records/records.ts';
import { hasAllRows, hasRow, type StatementError, TABLE_KINDS, type TableKind } from './statement-error.ts';

/** The limits of the breaker. */
export interface RefusalBreakerOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  /** Consecutive refusals for the same reason, without an accepted row, after which the database is out of order. */
  readonly limit: number;
  /** Checks the tables; rejects with a SinkError `misconfigured` that names what the service can't use. */
  readonly checkSchema: () => Promise<void>;
  /** How long a refused record waits until another one is accepted, in milliseconds. */
  readonly holdMs: number;
}

/** Rows accepted so far, by table. */
export type Accepted = Readonly<Record<TableKind, number>>;

/** Counts the accepted and refused rows of one database. */
export class RefusalBreaker {
  readonly #options: RefusalBreakerOptions;
  readonly #accepted: Record<TableKind, number> = { object: 0, state: 0, image: 0 };
  /** When a record was first refused, and the rows accepted before its statement. */
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

  /** The database has accepted rows, so it isn't out of order. */
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

  /** The number of rows accepted so far. */
  soFar(): Accepted {
    return { ...this.#accepted };
  }

  /**
   * A record was refused alone. `before` is the number of rows accepted before the statement that first contained it. Returns true when the
   * limit is reached, so that the database is out of order.
   */
  refused(file: StoredFile, error: StatementError, before: Accepted): boolean {
    if (this.#firstRefusals.has(file)) return false;
    this.#firstRefusals.set(file, { at: performance.now(), before });
    const rows = this.#streak.reason === error.reason ? this.#streak.rows + 1 : 1;
    this.#streak = { reason: error.reason, table: error.table, rows };
    return rows >= this.#options.limit;
  }

  /**
   * Whether a record that is refused by tables that fit may be at fault. Where a rule of the table refused it, the table must have accepted
   * another row since, every table if the server named none, or the record must have waited for `holdMs`.
   */
  mayBeAtFault(file: StoredFile, { about, table }: StatementError): boolean {
    if (about !== 'rule') return true;
    const first = this.#firstRefusals.get(file);
    if (first === undefined) return false;
    if (performance.now() - first.at >= this.#options.holdMs) return true;
    const tables = table === undefined ? TABLE_KINDS : [table];
    return this.#lastAccepted !== undefined && tables.every((kind) => this.#accepted[kind] > first.before[kind]);
  }

  /** A record that the database accepted before. Storing it again changes nothing and shows whether the tables still accept rows. */
  get lastAccepted(): GroupedRecord | undefined {
    return this.#lastAccepted;
  }

  /** Checks the tables. If they are wrong, the database is out of order, and it rejects with a SinkError `unavailable` that says why. */
  async requireSchema(): Promise<void> {
    try {
      await this.#options.checkSchema();
    } catch (error) {
      if (error instanceof SinkError && error.code === 'misconfigured') throw this.trip(error.detail);
      throw error;
    }
  }

  /** Marks the database as out of order. The reason is that of the schema check, if it fails, else `reason`. */
  async outOfOrderFor(reason: string): Promise<SinkError> {
    try {
      await this.requireSchema();
    } catch (named) {
      if (named instanceof SinkError) return named;
      throw named;
    }
    return this.trip(reason);
  }

  /** The error for a batch of which a record waits: until another one is accepted, or, if no row can fit, until the table is changed. */
  waiting({ about, reason }: StatementError): SinkError {
    return this.#unavailable(
      about === 'table' ? `no value for the column: ${reason}` : `no row accepted yet: ${reason}`,
    );
  }

  /** Marks the database as out of order until it accepts a row. Returns the error for its batches. */
  trip(reason: string): SinkError {
    this.#outOfOrder = `out of order: ${reason}`;
    return this.#unavailable(this.#outOfOrder);
  }

  #unavailable(detail: string): SinkError {
    return new SinkError(this.#options.name, 'unavailable', detail);
  }
}
