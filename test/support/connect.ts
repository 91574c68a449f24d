import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The newest Redpanda Connect that scripts/connect/build.sh has built, if it has. */
export function findConnect(): string | undefined {
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'wado-consumer', 'connect');
  const built = existsSync(cache) ? readdirSync(cache).filter((name) => /^redpanda-connect-[\d-]+$/.test(name)) : [];
  const age = (file: string) => statSync(file).mtimeMs;
  return built.map((name) => path.join(cache, name)).sort((a, b) => age(b) - age(a))[0];
}
