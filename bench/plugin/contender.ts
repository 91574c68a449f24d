/** What `npm run bench -- plugin` compares: programs that process the same batches of records. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { SERVICES } from '../../src/connect-plugin/calls.ts';
import { type ConnectStruct, Writer, writeValue } from '../../src/connect-plugin/value.ts';

/** A program that has started. */
export interface Running {
  readonly pid: number;
  /** Has every batch processed once. Rejects if a batch fails. */
  pass(): Promise<void>;
  end(): Promise<void>;
}

/** The records of one pass, and how they are processed. */
export interface Load {
  /** Encoded requests of ProcessBatch. */
  readonly requests: readonly Buffer[];
  /** The number of batches that are processed at the same time. */
  readonly inFlight: number;
}

const FIRST_MESSAGE = 10;
const ERROR = 18;

/** Starts a plugin as Redpanda Connect does, and calls it on its socket. */
export async function startPlugin(
  [program, ...args]: readonly [string, ...string[]],
  fields: ConnectStruct,
  load: Load,
): Promise<Running> {
  const address = `unix:${join(mkdtempSync(join(tmpdir(), 'bench-plugin-')), 'plugin.sock')}`;
  const env = { PATH: process.env.PATH, REDPANDA_CONNECT_PLUGIN_ADDRESS: address };
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const unlimited = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
  const client = new Client(address, credentials.createInsecure(), unlimited);
  const asIs = (bytes: Buffer) => bytes;
  const call = (method: 'Init' | 'ProcessBatch' | 'Close', request: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(`/${SERVICES.processor}/${method}`, asIs, asIs, request, (error, response) =>
        error !== null || response === undefined ? reject(error) : resolve(response),
      );
    });
  const answer = await untilListening(() => call('Init', initRequest(fields)));
  if (answer.length > 0) throw new Error(`the plugin does not start: ${answer.toString()}`);
  return {
    pid: pidOf(child),
    pass: () =>
      inFlight(load, async (request) => {
        const response = await call('ProcessBatch', request);
        if (response[0] === ERROR) throw new Error(`a batch failed: ${response.toString()}`);
      }),
    async end() {
      client.close();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** Starts a script of this folder that processes the batches of a file by itself. */
export async function startScript(script: string, args: readonly string[]): Promise<Running> {
  const child = fork(script, args);
  await once(child, 'message');
  return {
    pid: pidOf(child),
    async pass() {
      child.send('pass');
      await once(child, 'message');
    },
    async end() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('the process did not start');
  return pid;
}

function initRequest(fields: ConnectStruct): Buffer {
  return Buffer.from(writeValue(fields, Writer.create().uint32(FIRST_MESSAGE).fork()).ldelim().finish());
}

async function untilListening(init: () => Promise<Buffer>): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await init();
    } catch (error) {
      if (attempt === 100) throw error;
      await sleep(100);
    }
  }
}

async function inFlight({ requests, inFlight: most }: Load, work: (request: Buffer) => Promise<void>): Promise<void> {
  let next = 0;
  const processNext = async (): Promise<void> => {
    for (let request = requests[next++]; request !== undefined; request = requests[next++]) await work(request);
  };
  await Promise.all(Array.from({ length: most }, processNext));
}
