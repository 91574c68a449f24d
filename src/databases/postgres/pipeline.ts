/**
 * Several statements in one transaction and one round trip: the messages of all are sent at once, followed by one Sync (PostgreSQL, "Extended
 * Query", "Pipelining"). The driver has no form for it, nor for COPY.
 */

/** One prepared statement of a pipeline. */
export interface PipelineStep {
  readonly name: string;
  /** Its text, if it isn't prepared yet. */
  readonly prepare: string | undefined;
  /** The rows of a COPY FROM STDIN, or the parameters of another statement. */
  readonly input: { readonly copy: Buffer } | { readonly parameters: readonly Buffer[] };
}

/** The part of the driver's connection that a pipeline needs. */
interface PipelineConnection {
  readonly stream: { cork(): void; uncork(): void };
  parse(statement: { readonly name: string; readonly text: string }): void;
  bind(statement: { readonly statement: string; readonly values?: readonly Buffer[] }): void;
  execute(): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sync(): void;
}

/** What the driver's `client.query` accepts instead of a statement. */
export class Pipeline {
  readonly #steps: readonly PipelineStep[];
  readonly #settle: (error: unknown) => void;

  /** `settle` is called once: with undefined after COMMIT, or with the driver's error. */
  constructor(steps: readonly PipelineStep[], settle: (error: unknown) => void) {
    this.#steps = steps;
    this.#settle = settle;
  }

  submit(connection: PipelineConnection): void {
    connection.stream.cork();
    for (const { name, prepare, input } of this.#steps) {
      if (prepare !== undefined) connection.parse({ name, text: prepare });
      connection.bind('copy' in input ? { statement: name } : { statement: name, values: input.parameters });
      connection.execute();
      if (!('copy' in input)) continue;
      // Without waiting for the server's CopyInResponse. After an error, it skips everything up to the Sync.
      connection.sendCopyFromChunk(input.copy);
      connection.endCopyFrom();
    }
    connection.sync();
    connection.stream.uncork();
  }

  handleError(error: unknown): void {
    this.#settle(error);
  }

  handleReadyForQuery(): void {
    this.#settle(undefined);
  }

  handleCopyInResponse(): void {}

  handleCommandComplete(): void {}

  handleRowDescription(): void {}

  handleDataRow(): void {}
}
