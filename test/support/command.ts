import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../dist/src/cli/wado-consumer.cjs', import.meta.url));

export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts the built command as a user would, with these variables and no others of the test's. */
export function startCommand(args: readonly string[], env: Readonly<Record<string, string>>): RunningCommand {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => {
    text.stdout += data.toString('latin1');
  });
  child.stderr.on('data', (data: Buffer) => {
    text.stderr += data.toString();
  });
  const ended = once(child, 'close').then(([code]: (number | null)[]) => ({
    code: code ?? null,
    // Collected byte by byte, so that a character cut between two chunks stays whole.
    stdout: Buffer.from(text.stdout, 'latin1').toString(),
    stderr: text.stderr,
  }));
  return { child, ended };
}

/** Runs the built command to its end. */
export function runCommand(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  return startCommand(args, env).ended;
}
