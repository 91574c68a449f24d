import type { PartitionOffset } from '../client/types.ts';

export interface CommitterOptions {
  /** Time between two commits, in milliseconds. */
  readonly periodMs: number;
  /** The offsets that may be committed and were not taken before. */
  readonly takeCommittable: () => readonly PartitionOffset[];
  /** The commit of these offsets failed: `takeCommittable` must return them again, or newer ones. */
  readonly restore: (offsets: readonly PartitionOffset[]) => void;
  /** Sends the commit; the broker's answer arrives at `answered()`. May throw. */
  readonly send: (offsets: readonly PartitionOffset[]) => void;
  readonly committed: (offsets: readonly PartitionOffset[]) => void;
  readonly failed: (error: unknown) => void;
  /** No answer has come within ANSWER_TIMEOUT_MS. */
  readonly unanswered: () => void;
}

/** Pause between two attempts of a flush. */
const RETRY_MS = 100;
/** Longer than all of the client's own retries: session.timeout.ms for a coordinator and 10 s for an answer, a few times. */
const ANSWER_TIMEOUT_MS = 5 * 60_000;

/**
 * Commits the group's offsets: `#commit()` is the line that does it, every `periodMs` and at each flush. It sends no commit while an
 * answer is awaited. The client's own auto-commit does (librdkafka 2.15.1): a commit whose connection broke is sent again behind newer
 * ones, and the group's offset goes back.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #timer: NodeJS.Timeout | undefined;
  #awaited: readonly PartitionOffset[] = [];
  #sentAt = Number.NaN;
  /** Resolved with the answer: true when the broker accepted the commit. */
  #waiting: ((accepted: boolean) => void)[] = [];

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), this.#options.periodMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The broker's answer: an error unless it accepted every offset. */
  answered(error: unknown): void {
    const sent = this.#awaited;
    if (sent.length === 0) return;
    this.#awaited = [];
    if (error) {
      this.#options.restore(sent);
      this.#options.failed(error);
    } else this.#options.committed(sent);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(!error);
  }

  /** Commits all that may be committed now. Resolves false after `timeoutMs`, when a commit may still be under way. The client must be polled. */
  async flush(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#awaited.length === 0 && !this.#commit()) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      const accepted = this.#awaited.length > 0 && (await this.#answer(left));
      // Nothing is awaited now, so this is a pause.
      if (!accepted) await this.#answer(Math.min(RETRY_MS, Math.max(0, deadline - performance.now())));
    }
  }

  #tick(): void {
    if (this.#awaited.length === 0) this.#commit();
    else if (performance.now() - this.#sentAt > ANSWER_TIMEOUT_MS) this.#options.unanswered();
  }

  /** False when there is nothing to commit. */
  #commit(): boolean {
    const offsets = this.#options.takeCommittable();
    if (offsets.length === 0) return false;
    this.#awaited = offsets;
    this.#sentAt = performance.now();
    try {
      this.#options.send(offsets);
    } catch (error) {
      this.answered(error);
    }
    return true;
  }

  /** Whether the broker accepted the commit; false also when no answer has come after `timeoutMs`. */
  #answer(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs, false);
      this.#waiting.push((accepted) => {
        clearTimeout(timer);
        resolve(accepted);
      });
    });
  }
}
