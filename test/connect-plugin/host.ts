/** Redpanda Connect's side of the plugin protocol: starts a plugin as Connect does and calls it with requests that protobufjs writes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { type Method, SERVICES } from '../../src/connect-plugin/calls.ts';
import type { Plugin } from '../../src/connect-plugin/index.ts';
import { protocolType } from './reference.ts';

/** A started plugin. */
export interface HostedPlugin {
  readonly pid: number;
  /** What it has written so far. */
  readonly output: () => string;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  call(method: Method, request?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Retries Init until the plugin listens, as Connect does. */
  init(config?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Processes one record; returns the parsed JSON of the answer, or its error. */
  process(text: string): Promise<unknown>;
  /** The processes that the supervisor has started. */
  workers(): readonly number[];
  signal(signal: NodeJS.Signals): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The address of a socket in a new folder. */
export function newAddress(): string {
  return `unix:${join(mkdtempSync(join(tmpdir(), 'connect-plugin-')), 'plugin.sock')}`;
}

/** Starts a plugin on a socket of its own, or on the one at `address`. */
export function host(
  type: Plugin['type'],
  [program, ...args]: readonly [string, ...string[]],
  options: { readonly env?: Record<string, string>; readonly cwd?: string; readonly address?: string } = {},
): HostedPlugin {
  const address = options.address ?? newAddress();
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, ...options.env, REDPANDA_CONNECT_PLUGIN_ADDRESS: address },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const exited = exitOf(child);
  const client = new Client(address, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  const prefix = type === 'processor' ? 'BatchProcessor' : 'BatchOutput';

  async function call(method: Method, request: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const Request = protocolType(`${prefix}${method}Request`);
    const Response = protocolType(`${prefix}${method}Response`);
    const bytes = Buffer.from(Request.encode(Request.fromObject(request)).finish());
    const asIs = (buffer: Buffer) => buffer;
    const response = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(`/${SERVICES[type]}/${method}`, asIs, asIs, bytes, (error, answer) =>
        error !== null || answer === undefined ? reject(error) : resolve(answer),
      );
    });
    return Response.toObject(Response.decode(response), { longs: String, oneofs: true });
  }

  return {
    pid: child.pid ?? -1,
    output: () => Buffer.concat(output).toString(),
    exited,
    call,
    async init(config = {}) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await call('Init', { config: { struct_value: { fields: config } } });
        } catch (error) {
          if (attempt === 100) throw error;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    },
    async process(text) {
      const response = await call('ProcessBatch', { batch: { messages: [{ bytes: Buffer.from(text) }] } });
      if (response.error !== undefined) return response;
      const [batch] = response.batches as { messages: { bytes: Buffer }[] }[];
      return JSON.parse(String(batch?.messages[0]?.bytes));
    },
    workers: () => childrenOf(child.pid ?? -1),
    signal: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      client.close();
      for (const pid of [...childrenOf(child.pid ?? -1)]) kill(pid);
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function exitOf(child: ChildProcess): HostedPlugin['exited'] {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has already ended.
  }
}

/** The direct children of a process, from /proc. */
export function childrenOf(parent: number): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}
