/**
 * Labels of loads. Doris remembers a label for three days and stores nothing for one that it has seen finished. So a label must never be made
 * of offsets or of the rows alone: after a truncate or restore, a replay would be acknowledged unwritten.
 */
import { createHash, randomUUID } from 'node:crypto';

const MAX_OPEN = 1_000;

/** Gives each load its label. */
export class Labels {
  /** Unique per process and sink. */
  readonly #process = randomUUID().replaceAll('-', '').slice(0, 20);
  /** Labels by content whose outcome is unknown. A retry of the same content must use the same label. */
  readonly #open = new Map<string, string>();
  #loads = 0;

  /** The label for a load of `body` into `table`: the one of an earlier attempt whose outcome is unknown, else a new one. */
  labelOf(table: string, body: Buffer): string {
    const hash = createHash('sha256').update(table).update('\0').update(body).digest('hex').slice(0, 32);
    const known = this.#open.get(hash);
    if (known !== undefined) return known;
    // A retry that is divided or joined differently has another content, and the old label is never asked for again.
    if (this.#open.size >= MAX_OPEN) this.#open.clear();
    const label = `wado_${this.#process}_${++this.#loads}_${hash}`;
    this.#open.set(hash, label);
    return label;
  }

  /** The outcome of the load is known. The same content gets another label the next time. */
  close(label: string): void {
    this.#open.delete(label.slice(label.lastIndexOf('_') + 1));
  }
}
