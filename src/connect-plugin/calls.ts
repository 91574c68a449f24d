/** Requests and responses of the plugin protocol as bytes. The transport adds only the name of the method. */
import { type BatchOutput, type BatchProcessor, type CallContext, type Plugin, PluginError } from './component.ts';
import { logWarning } from './log.ts';
import { readBatch, writeBatch } from './message.ts';
import { type ConnectStruct, type ConnectValue, Reader, readValue, ValueError, Writer } from './value.ts';

/** The methods of each type of plugin. */
export const METHODS = {
  processor: ['Init', 'ProcessBatch', 'Close'],
  output: ['Init', 'Connect', 'Send', 'Close'],
} as const satisfies Readonly<Record<Plugin['type'], readonly string[]>>;

/** The name of a method. */
export type Method = (typeof METHODS)[Plugin['type']][number];

/** The gRPC service of each type of plugin. */
export const SERVICES = {
  processor: 'redpanda.runtime.v1alpha1.BatchProcessorService',
  output: 'redpanda.runtime.v1alpha1.BatchOutputService',
} as const satisfies Readonly<Record<Plugin['type'], string>>;

/** A call that ends with a gRPC status instead of a response. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** Answers calls with the help of a plugin. */
export interface CallHandler {
  /** Resolves to the encoded response. Rejects with Unavailable only. */
  call(method: Method, request: Uint8Array, context: CallContext): Promise<Uint8Array>;
}

/** Connect receives at most 4 MiB; a larger response would look like a broken plugin and fail for ever. */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/** Tags: field number << 3 | wire type. The error of ProcessBatch is field 2, all others are field 1. */
const FIELD_1 = 10;
const FIELD_2 = 18;
const NUMBER_2 = 16;

/** The answers of a plugin. */
export function createCallHandler(plugin: Plugin): CallHandler {
  let processor: BatchProcessor | undefined;
  let output: BatchOutput | undefined;

  async function init(request: Uint8Array): Promise<Uint8Array> {
    const config = structOf(configOf(request));
    await closeAll();
    if (plugin.type === 'processor') {
      processor = await plugin.start(config);
      return EMPTY;
    }
    output = await plugin.start(config);
    return Writer.create()
      .uint32(NUMBER_2)
      .int32(output.maxInFlight ?? 1)
      .finish();
  }

  async function closeAll(): Promise<void> {
    const open = [processor, output];
    processor = undefined;
    output = undefined;
    for (const each of open)
      try {
        await each?.close?.();
      } catch (error) {
        // Connect answers an error of Close by keeping the plugin's process.
        logWarning({ error: messageOf(error) }, 'the plugin could not close');
      }
  }

  async function processBatch(request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    if (processor === undefined) throw notStarted();
    const messages = await processor.processBatch(batchOf(request), context);
    if (messages.length === 0) return EMPTY;
    const response = writeBatch(messages, Writer.create().uint32(FIELD_1).fork()).ldelim().finish();
    if (response.length > MAX_RESPONSE_BYTES) throw new PluginError(TOO_LARGE);
    return response;
  }

  async function connect(context: CallContext): Promise<Uint8Array> {
    if (output === undefined) throw notStarted();
    try {
      await output.connect?.(context);
      return EMPTY;
    } catch (error) {
      // Connect 4.99 ignores the error of a Connect response and would count the output as connected.
      throw new Unavailable(messageOf(error));
    }
  }

  async function send(request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    if (output === undefined) throw notStarted();
    await output.send(batchOf(request), context);
    return EMPTY;
  }

  async function answer(method: Method, request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    switch (method) {
      case 'Init':
        return await init(request);
      case 'ProcessBatch':
        return await processBatch(request, context);
      case 'Connect':
        return await connect(context);
      case 'Send':
        return await send(request, context);
      case 'Close':
        await closeAll();
        return EMPTY;
    }
  }

  return {
    async call(method, request, context) {
      try {
        return await answer(method, request, context);
      } catch (error) {
        if (error instanceof Unavailable) throw error;
        return errorResponse(method, error);
      }
    },
  };
}

const EMPTY = new Uint8Array(0);
const TOO_LARGE = 'the response would exceed 4 MiB, which Redpanda Connect does not receive: make smaller batches';

function notStarted(): PluginError {
  return new PluginError('the plugin is not initialised', { notConnected: true });
}

/** The response of a method that reports an error. */
export function errorResponse(method: Method, error: unknown): Uint8Array {
  const writer = Writer.create()
    .uint32(method === 'ProcessBatch' ? FIELD_2 : FIELD_1)
    .fork()
    .uint32(FIELD_1)
    .string(messageOf(error));
  if (error instanceof PluginError && error.notConnected) writer.uint32(26).fork().ldelim();
  else if (error instanceof PluginError && error.backoffMs !== undefined) {
    const nanos = Math.round((error.backoffMs % 1_000) * 1_000_000);
    writer
      .uint32(FIELD_2)
      .fork()
      .uint32(8)
      .int64(Math.floor(error.backoffMs / 1_000));
    writer.uint32(NUMBER_2).int32(nanos).ldelim();
  }
  return writer.ldelim().finish();
}

/** Whether a response reports an error. */
export function isErrorResponse(method: Method, response: Uint8Array): boolean {
  const reader = Reader.create(response);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === (method === 'ProcessBatch' ? FIELD_2 : FIELD_1)) return true;
    reader.skipType(tag & 7);
  }
  return false;
}

/** An error without a message would count as success. */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)) || 'unknown error';
}

function configOf(request: Uint8Array): ConnectValue {
  const reader = Reader.create(request);
  let config: ConnectValue = null;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === FIELD_1) config = readValue(reader, reader.uint32());
    else reader.skipType(tag & 7);
  }
  return config;
}

function structOf(config: ConnectValue): ConnectStruct {
  if (config === null) return {};
  const isStruct =
    typeof config === 'object' && (Object.getPrototypeOf(config) === null || config.constructor === Object);
  if (!isStruct) throw new ValueError('the configuration is not a mapping');
  return config as ConnectStruct;
}

function batchOf(request: Uint8Array) {
  const reader = Reader.create(request);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === FIELD_1) return readBatch(reader, reader.uint32());
    reader.skipType(tag & 7);
  }
  return [];
}
