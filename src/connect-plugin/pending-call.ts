import type { Method } from './calls.ts';

/** A call of Connect that is not answered. */
export class PendingCall {
  readonly method: Method;
  readonly request: Uint8Array;
  /** Settles once. */
  readonly response: Promise<Uint8Array>;
  /** The number of workers that got it. */
  attempts = 0;
  /** Its id at the worker that has it. */
  id: number | undefined;
  #settled = false;
  #timer: NodeJS.Timeout | undefined;
  #resolve: (response: Uint8Array) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(method: Method, request: Uint8Array) {
    this.method = method;
    this.request = request;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** It waits for a worker, at most for `ms`. */
  answerAfter(ms: number, answer: () => void): void {
    this.id = undefined;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(answer, ms);
  }

  /** A worker has it now. */
  sent(id: number): void {
    clearTimeout(this.#timer);
    this.id = id;
    this.attempts++;
  }

  resolve(response: Uint8Array): void {
    this.#settle();
    this.#resolve(response);
  }

  reject(error: Error): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.#settled = true;
    clearTimeout(this.#timer);
  }
}
