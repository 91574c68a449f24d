import type { CommittableOffset } from './partition-offsets.ts';

/** What the committer needs from the source. */
export interface CommitterOptions {
  /** Time between two commits, in milliseconds. */
  readonly periodMs: number;
  /** Returns what may be committed and has changed since the last call. */
  readonly takeCommittable: () => readonly CommittableOffset[];
  /** Called when the commit of these offsets failed: `takeCommittable` must return them, or newer ones, again. */
  readonly restore: (offsets: readonly CommittableOffset[]) => void;
  /** Sends the commit; the broker's answer arrives at `answered()`. May throw. */
  readonly send: (offsets: readonly CommittableOffset[]) => void;
  /** Called when the broker has accepted the commit of these offsets. */
  readonly committed: (offsets: readonly CommittableOffset[]) => void;
  /** Called with the error of a failed commit. */
  readonly failed: (error: unknown) => void;
  /** Called when no answer arrived within ANSWER_TIMEOUT_MS. */
  readonly unanswered: () => void;
}

/** Pause between two attempts of a flush. */
const RETRY_MS = 100;
/**
 * Longer than the client's own retries take: each waits up to session.timeout.ms for a coordinator, then 10 s for its answer.
 */
const ANSWER_TIMEOUT_MS = 5 * 60_000;

/**
 * Commits the group's offsets: `#commit()` does it, every `periodMs` and at each flush. At most one commit is in flight. librdkafka's
 * auto-commit (2.15.1) has no such limit: it resends a commit whose connection broke after newer ones, which moves the group's offset
 * backwards.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #timer: NodeJS.Timeout | undefined;
  #awaited: readonly CommittableOffset[] = [];
  #sentAt = Number.NaN;
  /** Called with the next answer: true when the broker accepted the commit. */
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

  /** To be called with the broker's answer: `error` is falsy when it accepted every offset. */
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

  /** To be called when the client is replaced: the answer to the commit in flight never arrives. */
  abandon(): void {
    const sent = this.#awaited;
    this.#awaited = [];
    if (sent.length > 0) this.#options.restore(sent);
  }

  /**
   * Commits every committable offset. Resolves to false after `timeoutMs`; a commit may then still be in flight. The client must be
   * polled meanwhile, because that delivers the answer.
   */
  async flush(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#awaited.length === 0 && !this.#commit()) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      const accepted = this.#awaited.length > 0 && (await this.#answer(left));
      // No commit is in flight now, so this only waits.
      if (!accepted) await this.#answer(Math.min(RETRY_MS, Math.max(0, deadline - performance.now())));
    }
  }

  #tick(): void {
    if (this.#awaited.length === 0) this.#commit();
    else if (performance.now() - this.#sentAt > ANSWER_TIMEOUT_MS) this.#options.unanswered();
  }

  /** Sends a commit. Returns false when there is nothing to commit. */
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

  /** Resolves to whether the broker accepted the commit; to false when no answer arrives within `timeoutMs`. */
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
