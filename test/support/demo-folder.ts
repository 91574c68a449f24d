import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/wado-consumer.cjs', import.meta.url));

export interface DemoRun {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  output(): string;
  readonly code: Promise<number | null>;
}

export interface DemoFolder {
  readonly path: string;
  /** Starts the built `demo` on this folder. */
  demo(...args: readonly string[]): DemoRun;
  /** Kills what still runs: a failed test must leave no process that uses the folder. */
  killAll(): Promise<void>;
  remove(): Promise<void>;
}

export async function createDemoFolder(): Promise<DemoFolder> {
  const path = await mkdtemp(join(tmpdir(), 'demo-'));
  const running = new Set<ChildProcess>();

  return {
    path,
    demo(...args) {
      const child = spawn(process.execPath, [PROGRAM, 'demo', '--folder', path, '--http', '127.0.0.1:0', ...args]);
      let text = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          text += chunk;
        });
      }
      running.add(child);
      const code = new Promise<number | null>((resolve) => {
        child.once('close', (exitCode) => {
          running.delete(child);
          resolve(exitCode);
        });
      });
      return { child, output: () => text, code };
    },
    async killAll() {
      await Promise.all(
        [...running].map((child) => {
          child.kill('SIGKILL');
          return new Promise((resolve) => child.once('close', resolve));
        }),
      );
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}
