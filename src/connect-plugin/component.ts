/** What a plugin implements: a processor or an output, without any knowledge of the transport. */
import type { ConnectMessage, NewMessage } from './message.ts';
import type { ConnectStruct } from './value.ts';

/**
 * Reports an error to Redpanda Connect that it should react to in a certain way. Any other error is reported with its message alone. Error
 * messages are in Redpanda Connect's log: they should contain no record content.
 */
export class PluginError extends Error {
  override readonly name = 'PluginError';
  /** How long Connect should wait before the next attempt, in milliseconds. It does so only after `connect()`. */
  readonly backoffMs: number | undefined;
  /** The connection is lost. Connect calls `connect()` until it succeeds, and only then `send()` again. */
  readonly notConnected: boolean;

  constructor(
    message: string,
    options: ErrorOptions & { readonly backoffMs?: number; readonly notConnected?: boolean } = {},
  ) {
    super(message, options);
    this.backoffMs = options.backoffMs;
    this.notConnected = options.notConnected ?? false;
  }
}

/** An output's `send()` reports with it that the connection is lost. */
export function notConnected(message: string, options?: ErrorOptions): PluginError {
  return new PluginError(message, { ...options, notConnected: true });
}

/** Whether the caller still waits for the answer. */
export interface CallContext {
  /** Aborted when Connect has cancelled the call, e.g. because it shuts down. */
  readonly signal: AbortSignal;
}

/** A started processor. */
export interface BatchProcessor {
  /**
   * Makes the records that continue instead of those of the batch; none drops all. When it throws, all records of the batch continue
   * unchanged, marked as failed: `reject_errored` then returns them to the input. Calls overlap, as many as `pipeline.threads`.
   */
  processBatch(batch: readonly ConnectMessage[], context: CallContext): Promise<readonly NewMessage[]>;
  /** Called once, when the pipeline has ended. */
  close?(): Promise<void>;
}

/** A started output. */
export interface BatchOutput {
  /** The number of `send()` calls that may overlap [1]. */
  readonly maxInFlight?: number;
  /** Called before the first `send()`, and again after `send()` threw `notConnected`, until it succeeds. */
  connect?(context: CallContext): Promise<void>;
  /** Resolves when all records of the batch are durable. When it throws, none counts as sent, and the batch is sent again. */
  send(batch: readonly ConnectMessage[], context: CallContext): Promise<void>;
  /** Called once, when the pipeline has ended. */
  close?(): Promise<void>;
}

/** A processor plugin. */
export interface ProcessorPlugin {
  readonly type: 'processor';
  /** Starts the processor with the fields of the configuration. A thrown error is shown when the pipeline is built. */
  start(config: ConnectStruct): BatchProcessor | Promise<BatchProcessor>;
}

/** An output plugin. */
export interface OutputPlugin {
  readonly type: 'output';
  /** Starts the output with the fields of the configuration. A thrown error is shown when the pipeline is built. */
  start(config: ConnectStruct): BatchOutput | Promise<BatchOutput>;
}

/** A plugin: its manifest names the same type. */
export type Plugin = ProcessorPlugin | OutputPlugin;
