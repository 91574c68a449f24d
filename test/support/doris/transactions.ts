/** Labels and transactions of one database. A label can be used again only if its transaction was aborted. */
import type { PreparedLoad, Table } from './table.ts';

export type State = 'PREPARE' | 'PRECOMMITTED' | 'COMMITTED' | 'VISIBLE' | 'ABORTED';

export interface Transaction {
  readonly id: number;
  readonly label: string;
  readonly table: Table;
  state: State;
  load: PreparedLoad | undefined;
}

export class Transactions {
  readonly #byLabel = new Map<string, Transaction>();
  readonly all: Transaction[] = [];

  /** Begins a transaction, or returns the one that uses the label. */
  begin(label: string, table: Table): { readonly begun: Transaction } | { readonly existing: Transaction } {
    const existing = this.#byLabel.get(label);
    if (existing !== undefined && existing.state !== 'ABORTED') return { existing };
    const begun: Transaction = { id: this.all.length + 1001, label, table, state: 'PREPARE', load: undefined };
    this.#byLabel.set(label, begun);
    this.all.push(begun);
    return { begun };
  }

  find(label: string): Transaction | undefined {
    return this.#byLabel.get(label);
  }

  byId(id: number): Transaction | undefined {
    return this.all.find((transaction) => transaction.id === id);
  }

  /** Makes the rows durable; they are visible after `publish`. Throws a LoadFailure. */
  commit(transaction: Transaction): void {
    transaction.state = 'COMMITTED';
  }

  publish(transaction: Transaction): void {
    if (transaction.load !== undefined) transaction.table.apply(transaction.load);
    transaction.state = 'VISIBLE';
  }

  abort(transaction: Transaction): void {
    if (transaction.state === 'PREPARE' || transaction.state === 'PRECOMMITTED') transaction.state = 'ABORTED';
  }

  /** Publishes what was committed and not visible. */
  publishAll(): void {
    for (const transaction of this.all) if (transaction.state === 'COMMITTED') this.publish(transaction);
  }
}
