/** The initial size, which even a database that needs 100 ms per row stores before the statement timeout. */
const FIRST_ROWS = 128;
/** The size is doubled after a full statement that took less than this part of its timeout. */
const ROOM_TO_GROW = 0.25;

/** The maximum number of records in a statement: halved after a timeout, doubled while statements are fast. */
export class StatementSize {
  readonly #maxRows: number;
  readonly #deadlineMs: number;
  #rows: number;

  constructor(maxRows: number, deadlineMs: number) {
    this.#maxRows = maxRows;
    this.#deadlineMs = deadlineMs;
    this.#rows = Math.min(maxRows, FIRST_ROWS);
  }

  get rows(): number {
    return this.#rows;
  }

  succeeded(rows: number, durationMs: number): void {
    if (rows < this.#rows || durationMs > this.#deadlineMs * ROOM_TO_GROW) return;
    this.#rows = Math.min(this.#maxRows, this.#rows * 2);
  }

  tooSlow(rows: number): void {
    this.#rows = Math.max(1, Math.min(this.#rows, Math.floor(rows / 2), FIRST_ROWS));
  }
}
