import { describe, expect, it } from 'vitest';
import { createCallHandler, METHODS, type Method, SERVICES, Unavailable } from '../../src/connect-plugin/calls.ts';
import { type ConnectMessage, notConnected, type Plugin, PluginError } from '../../src/connect-plugin/index.ts';
import { protocolMethods, protocolType } from './reference.ts';

const context = { signal: new AbortController().signal };

/** Calls a plugin with a request that protobufjs wrote; returns the response as protobufjs reads it. */
function caller(plugin: Plugin) {
  const handler = createCallHandler(plugin);
  const prefix = plugin.type === 'processor' ? 'BatchProcessor' : 'BatchOutput';
  return async (method: Method, request: Record<string, unknown> = {}) => {
    const Request = protocolType(`${prefix}${method}Request`);
    const Response = protocolType(`${prefix}${method}Response`);
    const bytes = Request.encode(Request.fromObject(request)).finish();
    const response = await handler.call(method, Buffer.from(bytes), context);
    return Response.toObject(Response.decode(response), { longs: String, oneofs: true });
  };
}

const config = { struct_value: { fields: { name: { string_value: 'x' }, count: { integer_value: 3 } } } };
const messages = [
  { bytes: Buffer.from('one'), metadata: { fields: { n: { integer_value: 1 } } } },
  { structured: { struct_value: { fields: { a: { bool_value: true } } } } },
];

describe('the calls of a plugin', () => {
  it('have the names of the .proto files', () => {
    for (const type of ['processor', 'output'] as const) expect(METHODS[type]).toEqual(protocolMethods(SERVICES[type]));
  });

  it('pass the configuration and the batches to a processor and return its records', async () => {
    const seen: unknown[] = [];
    const call = caller({
      type: 'processor',
      start(fields) {
        seen.push({ ...fields });
        return {
          processBatch: async (batch) =>
            batch.map((message) => ({ content: message.bytes, metadata: { ...message.metadata, seen: true } })),
        };
      },
    });
    expect(await call('Init', { config })).toEqual({});
    expect(seen).toEqual([{ name: 'x', count: 3 }]);
    const metadata = (fields: object) => ({ fields: { ...fields, seen: { kind: 'bool_value', bool_value: true } } });
    expect(await call('ProcessBatch', { batch: { messages } })).toEqual({
      batches: [
        {
          messages: [
            {
              payload: 'bytes',
              bytes: Buffer.from('one'),
              metadata: metadata({ n: { kind: 'integer_value', integer_value: '1' } }),
            },
            { payload: 'bytes', bytes: Buffer.from('{"a":true}'), metadata: metadata({}) },
          ],
        },
      ],
    });
    expect(await call('Close')).toEqual({});
  });

  it('pass structured content and the answer of an output', async () => {
    const sent: ConnectMessage[] = [];
    const call = caller({
      type: 'output',
      start: () => ({ maxInFlight: 7, send: async (batch) => void sent.push(...batch) }),
    });
    expect(await call('Init', { config })).toEqual({ max_in_flight: 7 });
    expect(await call('Connect')).toEqual({});
    expect(await call('Send', { batch: { messages } })).toEqual({});
    expect(sent.map((message) => message.content)).toEqual([Buffer.from('one'), { structured: { a: true } }]);
  });

  it.each([
    [new Error('no luck'), { message: 'no luck' }],
    [new Error(''), { message: 'unknown error' }],
    [notConnected('gone'), { message: 'gone', detail: 'not_connected', not_connected: {} }],
    [
      new PluginError('later', { backoffMs: 1_500 }),
      { message: 'later', detail: 'backoff', backoff: { seconds: '1', nanos: 500_000_000 } },
    ],
  ])('report %s in the response', async (thrown, error) => {
    const fails = async () => {
      throw thrown;
    };
    const processor = caller({ type: 'processor', start: () => ({ processBatch: fails }) });
    await processor('Init', { config });
    expect(await processor('ProcessBatch', { batch: { messages } })).toEqual({ error });
    const output = caller({ type: 'output', start: () => ({ send: fails }) });
    await output('Init', { config });
    expect(await output('Send', { batch: { messages } })).toEqual({ error });
  });

  it('end a failed connect with a gRPC status, because Redpanda Connect ignores the error of its response', async () => {
    const call = caller({
      type: 'output',
      start: () => ({
        connect: () => Promise.reject(new Error('refused')),
        send: async () => undefined,
      }),
    });
    await call('Init', { config });
    await expect(call('Connect')).rejects.toThrow(Unavailable);
  });

  it('fail before Init instead of losing a batch', async () => {
    const call = caller({ type: 'processor', start: () => ({ processBatch: async () => [] }) });
    expect(await call('ProcessBatch', { batch: { messages } })).toMatchObject({ error: { detail: 'not_connected' } });
  });

  it('fail with a response that Redpanda Connect would not receive, not with one below 4 MiB', async () => {
    const call = caller({
      type: 'processor',
      start: () => ({ processBatch: async ([message]) => [{ content: Buffer.alloc(Number(message?.structured)) }] }),
    });
    await call('Init', { config });
    const ask = (bytes: number) => call('ProcessBatch', { batch: { messages: [{ bytes: Buffer.from(`${bytes}`) }] } });
    expect(await ask(4 * 1024 * 1024)).toMatchObject({ error: { message: expect.stringContaining('4 MiB') } });
    expect(await ask(4 * 1024 * 1024 - 64)).not.toHaveProperty('error');
  });
});
