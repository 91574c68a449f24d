/** The initial size, which even a database that needs 100 ms per row stores before the statement timeout. */
const FIRST_ROWS = 128;
/** The size is doubled after a full statement that took less than this part of its timeout. */
const ROOM_TO_GROW = 0.25;
/** A size that was too large is tried again after this time, doubled each time that it still is. */
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;

/** The maximum number of records in a statement: halved when one was too slow or too large, doubled while statements are fast. */
export class StatementSize {
  readonly #maxRows: number;
  readonly #deadlineMs: number;
  readonly #now: () => number;
  #rows: number;
  #tooLarge: { readonly rows: number; readonly until: number } | undefined;
  #pauseMs = FIRST_PAUSE_MS;

  /** `now`: the time in milliseconds, of a clock that never goes back. */
  constructor(maxRows: number, deadlineMs: number, now: () => number = () => performance.now()) {
    this.#maxRows = maxRows;
    this.#deadlineMs = deadlineMs;
    this.#now = now;
    this.#rows = Math.min(maxRows, FIRST_ROWS);
  }

  get rows(): number {
    return this.#rows;
  }

  succeeded(rows: number, durationMs: number): void {
    if (this.#tooLarge !== undefined && rows >= this.#tooLarge.rows) {
      // The size wasn't the cause, but an outage.
      this.#tooLarge = undefined;
      this.#pauseMs = FIRST_PAUSE_MS;
    }
    if (rows < this.#rows || durationMs > this.#deadlineMs * ROOM_TO_GROW) return;
    const larger = Math.min(this.#maxRows, this.#rows * 2);
    if (this.#tooLarge === undefined || larger < this.#tooLarge.rows || this.#now() >= this.#tooLarge.until)
      this.#rows = larger;
  }

  tooSlow(rows: number): void {
    this.#rows = Math.max(1, Math.min(this.#rows, Math.floor(rows / 2), FIRST_ROWS));
  }

  /** The server or a proxy refused the size, or the connection was lost, of which the size may be the cause. */
  tooLarge(rows: number): void {
    // Not even a smaller statement could contain a single record.
    if (rows === 1) return;
    this.#rows = Math.max(1, Math.min(this.#rows, Math.floor(rows / 2)));
    const now = this.#now();
    const ongoing = this.#tooLarge !== undefined && now < this.#tooLarge.until ? this.#tooLarge : undefined;
    this.#tooLarge = { rows, until: ongoing?.until ?? now + this.#pauseMs };
    if (ongoing === undefined) this.#pauseMs = Math.min(MAX_PAUSE_MS, this.#pauseMs * 2);
  }
}
