import type { GroupedBatch, GroupedRecord, Rejection, StoredFile } from '../records/records.ts';

/** The part of a batch that a database needs. */
export type BatchToStore = Pick<GroupedBatch, 'grouped' | 'withAllRows'>;

/** The records of one batch that are not stored yet, kept over its retries, so that a retry writes no stored record again. */
export class BatchProgress {
  readonly #batch: BatchToStore;
  readonly #pending: Map<StoredFile, GroupedRecord>;
  readonly #rejections: Rejection[] = [];
  #completed: Promise<void> | undefined;

  constructor(batch: BatchToStore) {
    this.#batch = batch;
    this.#pending = new Map(coveringFirst(batch.grouped).map((record) => [record.file, record]));
  }

  /** The files whose rows are not stored, in the order of `coveringFirst`. */
  get pending(): readonly StoredFile[] {
    return [...this.#pending.keys()];
  }

  get done(): boolean {
    return this.#pending.size === 0;
  }

  get rejections(): readonly Rejection[] {
    return this.#rejections;
  }

  /** The rows to store for a pending file; undefined once it is stored or refused. */
  recordOf(file: StoredFile): GroupedRecord | undefined {
    return this.#pending.get(file);
  }

  /**
   * Those of its pending `files` that lack a row which a pending record outside of `files` may carry. They must not be stored before that
   * record is: if it were refused then, their own row would be missing, or be refused although other rows of theirs are stored.
   */
  covered(files: ReadonlySet<StoredFile>): readonly StoredFile[] {
    const others = [...this.#pending.values()].filter(({ file }) => !files.has(file));
    const series = new Set(others.flatMap(({ state }) => state?.identity ?? []));
    const hasImages = others.some(({ image }) => image !== null);
    return this.pending.filter((file) => {
      const record = this.#pending.get(file);
      if (record === undefined || !files.has(file)) return false;
      // Without an image row its series isn't known.
      if (record.image === null) return hasImages || series.size > 0;
      return record.state === null && series.has(seriesOf(record.image.identity));
    });
  }

  stored(file: StoredFile): void {
    this.#pending.delete(file);
  }

  /** The record is at fault and will not be stored. */
  refused(rejection: Rejection): void {
    if (this.#pending.delete(rejection.file)) this.#rejections.push(rejection);
  }

  /**
   * Adds its own state and image row to every pending record. To be called when a record was refused: rows that were omitted because
   * the refused ones were newer must now be stored with their own records.
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

/** The identity of an image's series: that of the image without its last part. */
function seriesOf(image: string): string {
  return image.slice(0, image.lastIndexOf('\0'));
}

/**
 * Sorts records without a state or image row after those with one. A newer record of the batch covers them, i.e. carries the row of the
 * same key. So when a batch is divided, no covered record is stored before its covering row was accepted.
 */
function coveringFirst(records: readonly GroupedRecord[]): readonly GroupedRecord[] {
  const rank = ({ state, image }: GroupedRecord) => (state !== null ? 0 : image !== null ? 1 : 2);
  return records.toSorted((a, b) => rank(a) - rank(b));
}
