/** Runs a plugin as Redpanda Connect starts it: a supervisor on Connect's socket, and the plugin in a worker process. */
import { readEnvironment } from '../config/environment.ts';
import type { Plugin } from './component.ts';
import { hostDeath, pluginAddress } from './host.ts';
import { logWarning } from './log.ts';
import { startServer } from './server.ts';
import { Supervisor } from './supervisor.ts';
import { runWorker } from './worker.ts';
import type { WorkerCommand } from './worker-process.ts';

/** Set in the worker's environment. */
const WORKER_VARIABLE = 'WADO_CONNECT_PLUGIN_WORKER';

/**
 * Serves the plugin until Connect has closed it or has died. Call it once, from the program that the manifest names: it starts the same
 * program with the same arguments as its worker, in which the plugin runs. Rejects with a HostError if Connect did not start the program,
 * and with the system's error if it can't listen. Once it resolves, the process ends within a second, whatever the program has left open.
 */
export async function servePlugin(plugin: Plugin): Promise<void> {
  if (readEnvironment()[WORKER_VARIABLE] === '1') await runWorker(plugin);
  else await supervise(plugin.type);
  setTimeout(() => process.exit(), END_WITHIN_MS).unref();
}

const END_WITHIN_MS = 1_000;

async function supervise(type: Plugin['type']): Promise<void> {
  const address = pluginAddress();
  const stop = stopRequest();
  const supervisor = new Supervisor({
    ...workerCommand(),
    type,
    onClosed: stop.closed,
    onUnused() {
      logWarning({}, 'Redpanda Connect has not initialised the plugin for 60 s, ending');
      stop.now();
    },
    onWorkerLost: ({ code, signal, startError }, { calls, delayMs }) => {
      const fields = { code, signal, ...(startError === undefined ? {} : { error: startError }), calls };
      logWarning({ ...fields, delay_ms: delayMs }, 'the plugin process ended, starting another one');
    },
  });
  stop.refuseWhile(() => supervisor.inUse);
  try {
    const server = await startServer(type, address, supervisor);
    await Promise.race([hostDeath(), stop.requested]);
    await server.close();
  } finally {
    await supervisor.stop();
  }
}

function workerCommand(): WorkerCommand {
  return {
    command: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    env: { ...readEnvironment(), [WORKER_VARIABLE]: '1' },
  };
}

const SIGTERM_WITHIN_MS = 5_000;

/**
 * SIGTERM ends the plugin once Connect has closed it, which it does first. Until then Connect still drains its pipeline, and a SIGTERM or
 * SIGINT is one that the whole process group got (systemd, Ctrl-C): ending now would fail the batches in flight.
 */
function stopRequest() {
  let inUse = () => false;
  let signalled = false;
  let resolve: () => void = () => undefined;
  const requested = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  const end = () => {
    if (signalled && !inUse()) resolve();
  };
  process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined);
  process.on('SIGTERM', () => {
    signalled = true;
    end();
  });
  return {
    requested,
    /** Connect sends SIGTERM after Close, but not when closing failed. */
    closed() {
      end();
      setTimeout(resolve, SIGTERM_WITHIN_MS).unref();
    },
    now: resolve,
    refuseWhile(condition: () => boolean) {
      inUse = condition;
    },
  };
}
