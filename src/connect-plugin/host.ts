/** What a plugin knows of the Redpanda Connect process that started it. */
import { type Environment, readEnvironment } from '../config/environment.ts';

/** The only version of the protocol in which Connect starts the plugin itself. */
const PROTOCOL_VERSION = '1';

/** The program was not started by Redpanda Connect, or by one with another protocol. */
export class HostError extends Error {
  override readonly name = 'HostError';
}

/** The address in `REDPANDA_CONNECT_PLUGIN_ADDRESS`. Throws a HostError if Connect did not set it. */
export function pluginAddress(environment: Environment = readEnvironment()): string {
  const version = environment.REDPANDA_CONNECT_PLUGIN_VERSION ?? PROTOCOL_VERSION;
  if (version !== PROTOCOL_VERSION) throw new HostError('REDPANDA_CONNECT_PLUGIN_VERSION is not supported: expected 1');
  const address = environment.REDPANDA_CONNECT_PLUGIN_ADDRESS ?? '';
  if (address === '')
    throw new HostError('REDPANDA_CONNECT_PLUGIN_ADDRESS is not set: Redpanda Connect starts plugins');
  return address;
}

const CHECK_EVERY_MS = 500;

/** Read at once: later, the parent may already be dead. */
const PARENT = process.ppid;

/** Resolves when the parent process has died: a process without a parent gets another one. Never keeps the process alive. */
export function hostDeath(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (process.ppid === PARENT) return;
      clearInterval(timer);
      resolve();
    }, CHECK_EVERY_MS).unref();
  });
}
