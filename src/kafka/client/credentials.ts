/** Secrets in librdkafka's settings: revealed as a client is made, and its password again whenever the file behind it has changed. */
import { Secret } from '../../config/secret.ts';
import type { NativeConfig } from './client.ts';

/** A renewed password is with the client after so long at most, whether the old one still works or not. */
const REREAD_MS = 1_000;

interface Authenticated {
  isConnected(): boolean;
  setSaslCredentials(username: string, password: string): void;
  on(event: 'ready' | 'disconnected', listener: () => void): unknown;
}

/** The settings with every Secret in them as it is now. Throws a ConfigError when the file of one can't be read. */
export function revealed(config: NativeConfig): NativeConfig {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, value instanceof Secret ? value.reveal() : value]),
  );
}

/**
 * For as long as the client is connected, hands it the password anew when that has changed: it uses it the next time it logs in
 * somewhere, and connections that stand stay as they are. `madeWith` are the settings that the client got.
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
        // A file that is being replaced can be gone for a moment, and a client that is being closed takes nothing.
      }
    }, REREAD_MS).unref();
  });
  client.on('disconnected', () => clearInterval(timer));
}
