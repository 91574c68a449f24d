import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The Redpanda Connect that scripts/lint-with-connect.sh has built, if it has. */
export function findConnect(): string | undefined {
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'wado-consumer', 'connect');
  const built = existsSync(cache) ? readdirSync(cache).filter((name) => /^redpanda-connect-[\d-]+$/.test(name)) : [];
  return built[0] === undefined ? undefined : path.join(cache, built[0]);
}
