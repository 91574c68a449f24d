/** The phases of the source's life, in order. */
export type Phase = 'created' | 'consuming' | 'halted' | 'flushing' | 'closing' | 'leaving';

interface Rules {
  /** Records are polled and emitted. */
  readonly emits: boolean;
  /** Others may use the client: the transaction that commits, the lag queries. */
  readonly open: boolean;
  /** A commit may be sent, and its answer can still arrive. */
  readonly commits: boolean;
}

const RULES: Readonly<Record<Phase, Rules>> = {
  created: { emits: false, open: true, commits: true },
  consuming: { emits: true, open: true, commits: true },
  // The intake has ended. Emitted records may still be acknowledged.
  halted: { emits: false, open: true, commits: true },
  // The client is polled for the answer to the last commit only.
  flushing: { emits: false, open: false, commits: true },
  // Rebalances under way are answered without waiting for records.
  closing: { emits: false, open: false, commits: false },
  // The native client is being closed: every callback is answered by a single `unassign()`.
  leaving: { emits: false, open: false, commits: false },
};

const ORDER = Object.keys(RULES);

/** Where the source is in its life. It moves forward only. */
export class Lifecycle {
  #phase: Phase = 'created';

  get phase(): Phase {
    return this.#phase;
  }

  get rules(): Rules {
    return RULES[this.#phase];
  }

  /** Moves to a later phase; a phase that has passed stays passed. */
  enter(phase: Phase): void {
    if (ORDER.indexOf(phase) > ORDER.indexOf(this.#phase)) this.#phase = phase;
  }
}
