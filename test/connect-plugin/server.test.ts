import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { SERVICES } from '../../src/connect-plugin/calls.ts';
import { startServer } from '../../src/connect-plugin/server.ts';
import { newAddress } from './host.ts';

const asIs = (bytes: Buffer) => bytes;

/** A server whose calls are answered by `answer`, and one call of a client. */
async function serve(answer: () => Promise<Uint8Array>) {
  const address = newAddress();
  const signals: AbortSignal[] = [];
  const server = await startServer('processor', address, {
    async call(_method, _request, { signal }) {
      signals.push(signal);
      return await answer();
    },
  });
  const client = new Client(address, credentials.createInsecure());
  const path = `/${SERVICES.processor}/ProcessBatch`;
  let call: ReturnType<Client['makeUnaryRequest']> | undefined;
  const response = new Promise<Buffer | undefined>((resolve, reject) => {
    call = client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), (error, bytes) =>
      error === null ? resolve(bytes) : reject(error),
    );
  });
  return {
    signals,
    response,
    cancel: () => call?.cancel(),
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close();
    },
  };
}

describe('the signal of a call', () => {
  it('is aborted when the caller cancels the call', async () => {
    let answer: (response: Uint8Array) => void = () => undefined;
    const answered = new Promise<Uint8Array>((resolve) => {
      answer = resolve;
    });
    await using served = await serve(() => answered);
    await expect.poll(() => served.signals.length).toBe(1);
    const [signal = AbortSignal.abort()] = served.signals;
    expect(signal.aborted).toBe(false);
    const aborted = once(signal, 'abort');
    served.cancel();
    await expect(served.response).rejects.toThrow('Cancelled');
    await aborted;
    answer(Buffer.alloc(0));
  });

  it('is not aborted by the end of a call that was answered', async () => {
    await using served = await serve(async () => Buffer.from('done'));
    expect(await served.response).toEqual(Buffer.from('done'));
    await sleep(50);
    expect(served.signals.map(({ aborted }) => aborted)).toEqual([false]);
  });
});
