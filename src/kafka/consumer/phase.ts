/** The phases of the source, in order. */
export type Phase = 'created' | 'consuming' | 'halted' | 'flushing' | 'closing' | 'leaving';

interface Rules {
  /** Records are polled and emitted. */
  readonly emits: boolean;
  /** A transaction may use the client to commit, and a revocation waits for records in flight. */
  readonly open: boolean;
  /** A commit may be sent, and its answer can still arrive. */
  readonly commits: boolean;
}

const RULES: Readonly<Record<Phase, Rules>> = {
  created: { emits: false, open: true, commits: true },
  consuming: { emits: true, open: true, commits: true },
  // Consumption has ended. Emitted records may still be acknowledged.
  halted: { emits: false, open: true, commits: true },
  // The client is polled only to receive the answer to the last commit.
  flushing: { emits: false, open: false, commits: true },
  // Nothing is committed any more. Pending rebalances are answered.
  closing: { emits: false, open: false, commits: false },
  // The native client is being closed: every callback is answered by a single `unassign()`.
  leaving: { emits: false, open: false, commits: false },
};

const ORDER = Object.keys(RULES);

/** The current phase of the source. It only moves forward. */
export class Lifecycle {
  #phase: Phase = 'created';

  get phase(): Phase {
    return this.#phase;
  }

  get rules(): Rules {
    return RULES[this.#phase];
  }

  /** Moves to a later phase; ignored when the source is past it. */
  enter(phase: Phase): void {
    if (ORDER.indexOf(phase) > ORDER.indexOf(this.#phase)) this.#phase = phase;
  }
}
