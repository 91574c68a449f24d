/** Plugins of fixture-worker.mjs, with their supervisor in a process of its own or in this one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Method } from '../../src/connect-plugin/calls.ts';
import { Supervisor, type WorkerLoss } from '../../src/connect-plugin/supervisor.ts';
import { childrenOf, host } from './host.ts';
import { protocolType } from './reference.ts';

export const WORKER = join(import.meta.dirname, 'fixture-worker.mjs');
export const node = process.execPath;
const context = { signal: new AbortController().signal };

/** A processor whose supervisor is a process of its own. */
export const fixture = (env: Record<string, string> = {}, address?: string) =>
  host('processor', [node, WORKER], { env, ...(address === undefined ? {} : { address }) });

/** Rejects if the condition is not true within 20 s. */
export const until = async (condition: () => boolean) => {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > 20_000) throw new Error('it did not happen within 20 s');
    await sleep(20);
  }
};

/** A supervisor with short times, called without gRPC. */
export function supervise(type: 'processor' | 'output', times: object = {}, env: Record<string, string> = {}) {
  const losses: WorkerLoss[] = [];
  const supervisor = new Supervisor({
    type,
    command: [node, WORKER, type],
    env: { PATH: process.env.PATH, ...env, WADO_CONNECT_PLUGIN_WORKER: '1' },
    onWorkerLost: (_, loss) => losses.push(loss),
    ...times,
  });
  const prefix = type === 'processor' ? 'BatchProcessor' : 'BatchOutput';
  return {
    losses,
    /** The process of its worker. */
    worker(): number {
      const [pid = 0] = childrenOf(process.pid).filter((each) =>
        readFileSync(`/proc/${each}/cmdline`, 'utf8').includes(WORKER),
      );
      return pid;
    },
    async call(method: Method, text?: string) {
      const Request = protocolType(`${prefix}${method}Request`);
      const batch = text === undefined ? {} : { batch: { messages: [{ bytes: Buffer.from(text) }] } };
      const request = method === 'Init' ? { config: { struct_value: { fields: {} } } } : batch;
      const response = await supervisor.call(method, Request.encode(Request.fromObject(request)).finish(), context);
      const Response = protocolType(`${prefix}${method}Response`);
      return Response.toObject(Response.decode(response), { longs: String, oneofs: true });
    },
    [Symbol.asyncDispose]: () => supervisor.stop(),
  };
}

/** Whether the process runs; a zombie doesn't. */
export function isAlive(pid: number): boolean {
  return childrenOf(pid).length > 0 || readState(pid) !== undefined;
}

/** Undefined when the process has ended, a zombie included. */
function readState(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const state = stat[stat.lastIndexOf(')') + 2];
    return state === 'Z' ? undefined : state;
  } catch {
    return undefined;
  }
}
