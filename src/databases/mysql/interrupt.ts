/** A request to the server, on another connection, to end a statement. */
export interface KillRequest {
  /** Whether it may have reached the server. */
  readonly sent: boolean;
  /** Resolves to whether the server has answered. Never rejects. */
  readonly answered: Promise<boolean>;
  /** Closes its connection. */
  close(): void;
}

/** Has the server end a statement that is still in progress after `ms` milliseconds. */
export class Interrupt {
  readonly #timer: NodeJS.Timeout;
  #request: KillRequest | undefined;

  constructor(ms: number, ask: () => KillRequest) {
    this.#timer = setTimeout(() => {
      this.#request = ask();
    }, ms);
  }

  /** Sends no request from now on. One that is under way continues. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /**
   * The statement has ended; `interrupted` says whether the server ended it. Resolves to whether the session may be used again: the server
   * ends whatever statement runs when it gets the request, which could be the session's next one.
   */
  async settle(interrupted: boolean): Promise<boolean> {
    this.stop();
    const request = this.#request;
    if (request === undefined) return true;
    if (request.sent && interrupted) return request.answered;
    request.close();
    return !request.sent;
  }
}
