import type { GroupedRecord } from '../records/records.ts';
import { TABLE_KINDS } from './statement-error.ts';

/** How long a row is kept in the list, in milliseconds. */
const FORGET_AFTER_MS = 10_000;

/** Rows that another session has locked. Records with such a row are stored alone, so that they don't delay others. */
export class HeldUpRows {
  readonly #until = new Map<string, number>();

  add(record: GroupedRecord): void {
    for (const key of keysOf(record)) this.#until.set(key, performance.now() + FORGET_AFTER_MS);
  }

  remove(record: GroupedRecord): void {
    if (this.#until.size === 0) return;
    for (const key of keysOf(record)) this.#until.delete(key);
  }

  touches(record: GroupedRecord): boolean {
    if (this.#until.size === 0) return false;
    const now = performance.now();
    return keysOf(record).some((key) => {
      const until = this.#until.get(key);
      if (until === undefined) return false;
      if (until > now) return true;
      this.#until.delete(key);
      return false;
    });
  }
}

function keysOf(record: GroupedRecord): readonly string[] {
  return TABLE_KINDS.flatMap((kind) => {
    const row = record[kind];
    return row === null ? [] : [`${kind}\0${row.identity}`];
  });
}
