import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { runProgram } from '../../src/cli/run-program.ts';

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

/**
 * Runs a verb in this process, which costs a fraction of a start: for tests of what it prints and its exit code, not of pipes, signals or
 * the process's end. It has this process's variables and folder. One at a time: what is written to stdout and stderr meanwhile is taken for
 * the verb's.
 */
export async function callCommand(args: readonly string[]): Promise<Ended> {
  const text = { stdout: '', stderr: '' };
  const captures = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk, encoding, done) => {
      text[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      (typeof encoding === 'function' ? encoding : done)?.();
      return true;
    }),
  );
  try {
    return { code: await runProgram(args), ...text };
  } finally {
    for (const capture of captures) capture.mockRestore();
  }
}
