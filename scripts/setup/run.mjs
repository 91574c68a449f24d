import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The cache that all clones share: compiled native modules. */
export const cache =
  process.env.WADO_CACHE_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'wado-consumer');

/** A failure that the user has to resolve. Only its message is printed. */
export class SetupError extends Error {}

export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/**
 * Runs a program with its output in a temporary log file.
 * @returns {{ ok: boolean, log: string, tail: string }} tail: the last lines, for an error message
 */
export function run(program, args, { name, cwd = root, env = {}, timeoutSeconds = 1800 } = {}) {
  const log = join(tmpdir(), `wado-setup-${process.pid}-${name ?? 'run'}.log`);
  mkdirSync(dirname(log), { recursive: true });
  const out = openSync(log, 'a');
  const { status } = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', out, out],
    timeout: timeoutSeconds * 1000,
  });
  closeSync(out);
  const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-25).join('\n');
  if (status === 0) rmSync(log);
  return { ok: status === 0, log, tail };
}

/** The npm that runs this script, or the one on the path. */
export function npm(args, options) {
  const cli = process.env.npm_execpath;
  return cli?.endsWith('npm-cli.js') ? run(process.execPath, [cli, ...args], options) : run('npm', args, options);
}

export function pause(seconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
}
