/**
 * Lets loads of one table run one after the other, so that each sees the rows of those before, while loads of other tables run. Also keeps the
 * last load of a table that wasn't visible yet: queries can't see its rows.
 */
export class TableTurns {
  readonly #last = new Map<string, Promise<unknown>>();
  readonly #unpublished = new Map<string, string>();

  /** Runs `work` when all earlier work on the table has ended. */
  async take<T>(table: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(table) ?? Promise.resolve();
    const run = before.then(work);
    this.#last.set(
      table,
      run.catch(() => undefined),
    );
    return run;
  }

  /** The label of a load whose rows queries may not see yet. */
  unpublished(table: string): string | undefined {
    return this.#unpublished.get(table);
  }

  committed(table: string, label: string): void {
    this.#unpublished.set(table, label);
  }

  published(table: string): void {
    this.#unpublished.delete(table);
  }
}
