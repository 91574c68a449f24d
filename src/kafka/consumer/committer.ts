import type { PartitionOffset } from '../client/client.ts';

export interface CommitterOptions {
  /** Time between two commits, in milliseconds. */
  readonly periodMs: number;
  /** The offsets that may be committed and weren't taken before. */
  readonly takeCommittable: () => readonly PartitionOffset[];
  /** What was taken, and the broker didn't: it is taken again, or what has come after it. */
  readonly restore: (offsets: readonly PartitionOffset[]) => void;
  /** Asks the broker, whose answer comes to `answered()`. May throw. */
  readonly send: (offsets: readonly PartitionOffset[]) => void;
  readonly committed: (offsets: readonly PartitionOffset[]) => void;
  readonly failed: (error: unknown) => void;
  /** No answer has come for longer than the client waits for one. */
  readonly unanswered: () => void;
}

/** Between two attempts of a flush. */
const RETRY_MS = 100;
/** The client itself waits a session for a coordinator and 10 s for an answer, and tries a few times. */
const ANSWER_TIMEOUT_MS = 5 * 60_000;

/**
 * Commits every `periodMs`, and never asks while it awaits an answer. The client's own auto-commit does (librdkafka 2.15.1): a commit
 * whose connection broke is sent again behind newer ones, and the group's offset goes back.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #timer: NodeJS.Timeout | undefined;
  #awaited: readonly PartitionOffset[] = [];
  #askedAt = Number.NaN;
  /** Who waits for the answer; told whether the broker took it. */
  #waiting: ((taken: boolean) => void)[] = [];

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

  /** The broker's answer: an error when it didn't take all that was asked. */
  answered(error: unknown): void {
    const asked = this.#awaited;
    if (asked.length === 0) return;
    this.#awaited = [];
    if (error) {
      this.#options.restore(asked);
      this.#options.failed(error);
    } else this.#options.committed(asked);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(!error);
  }

  /** Commits what may be by now. Resolves false after `timeoutMs`: a commit may still be under way then. The client must be polled. */
  async flush(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#awaited.length === 0 && !this.#commit()) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      const taken = this.#awaited.length > 0 && (await this.#answer(left));
      if (!taken) await sleep(Math.min(RETRY_MS, Math.max(0, deadline - performance.now())));
    }
  }

  #tick(): void {
    if (this.#awaited.length === 0) this.#commit();
    else if (performance.now() - this.#askedAt > ANSWER_TIMEOUT_MS) this.#options.unanswered();
  }

  /** False when there is nothing to commit. */
  #commit(): boolean {
    const offsets = this.#options.takeCommittable();
    if (offsets.length === 0) return false;
    this.#awaited = offsets;
    this.#askedAt = performance.now();
    try {
      this.#options.send(offsets);
    } catch (error) {
      this.answered(error);
    }
    return true;
  }

  /** False too when no answer has come after `timeoutMs`. */
  #answer(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs, false);
      this.#waiting.push((taken) => {
        clearTimeout(timer);
        resolve(taken);
      });
    });
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
