import type { GroupedBatch, GroupedRecord, Rejection, StoredFile } from '../records/records.ts';

/** The part of a batch that a database needs. */
export type BatchToStore = Pick<GroupedBatch, 'grouped' | 'withAllRows'>;

/** What remains to be stored of one batch, kept over its retries: what a failed write has stored is not written again. */
export class BatchProgress {
  readonly #batch: BatchToStore;
  readonly #pending: Map<StoredFile, GroupedRecord>;
  readonly #rejections: Rejection[] = [];
  #completed: Promise<void> | undefined;

  constructor(batch: BatchToStore) {
    this.#batch = batch;
    this.#pending = new Map(coveringFirst(batch.grouped).map((record) => [record.file, record]));
  }

  /** Files whose rows are not stored, those first whose rows cover others. */
  get pending(): readonly StoredFile[] {
    return [...this.#pending.keys()];
  }

  get done(): boolean {
    return this.#pending.size === 0;
  }

  get rejections(): readonly Rejection[] {
    return this.#rejections;
  }

  /** The rows of a pending file as they have to be stored now; undefined once it is settled. */
  recordOf(file: StoredFile): GroupedRecord | undefined {
    return this.#pending.get(file);
  }

  stored(file: StoredFile): void {
    this.#pending.delete(file);
  }

  /** The record is at fault: nothing of it is stored, now or later. */
  refused(rejection: Rejection): void {
    if (this.#pending.delete(rejection.file)) this.#rejections.push(rejection);
  }

  /**
   * Gives every pending record its own state and image row. To be called once a record was refused: rows that were left out because
   * that record's were newer have to be tried, and stored, with the records that they belong to.
   */
  complete(): Promise<void> {
    this.#completed ??= this.#complete();
    return this.#completed;
  }

  async #complete(): Promise<void> {
    for (const record of (await this.#batch.withAllRows?.()) ?? []) {
      if (this.#pending.has(record.file)) this.#pending.set(record.file, record);
    }
  }
}

/**
 * A record without a state (or image) row is covered by the newer record of the batch that has it, and comes after it. So when a batch is
 * divided, no covered record is stored before the row that covers it was accepted.
 */
function coveringFirst(records: readonly GroupedRecord[]): readonly GroupedRecord[] {
  const rank = ({ state, image }: GroupedRecord) => (state !== null ? 0 : image !== null ? 1 : 2);
  return records.toSorted((a, b) => rank(a) - rank(b));
}
