/** Secrets in librdkafka's settings: revealed when a client is created. A changed password is passed to the running client. */
import { Secret } from '../../config/secret.ts';
import type { NativeConfig } from './types.ts';

/** How often the password is read, in milliseconds. */
const REREAD_MS = 1_000;

interface Authenticated {
  isConnected(): boolean;
  setSaslCredentials(username: string, password: string): void;
  on(event: 'ready' | 'disconnected', listener: () => void): unknown;
}

/** The settings with the current value of every Secret. Throws a ConfigError when a secret's file can't be read. */
export function revealed(config: NativeConfig): NativeConfig {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, value instanceof Secret ? value.reveal() : value]),
  );
}

/**
 * Passes a changed password to the client while it is connected. The client uses it at its next login; open connections stay open.
 * `madeWith` are the settings that the client was created with.
 */
export function followPassword(client: Authenticated, config: NativeConfig, madeWith: NativeConfig): void {
  const { 'sasl.username': username, 'sasl.password': password } = config;
  if (!(password instanceof Secret) || typeof username !== 'string') return;
  let known = madeWith['sasl.password'];
  let timer: NodeJS.Timeout | undefined;
  client.on('ready', () => {
    timer = setInterval(() => {
      try {
        const now = password.reveal();
        if (now === known || !client.isConnected()) return;
        client.setSaslCredentials(username, now);
        known = now;
      } catch {
        // The file may be missing while it is replaced, and a closing client throws. Retried at the next tick.
      }
    }, REREAD_MS).unref();
  });
  client.on('disconnected', () => clearInterval(timer));
}
