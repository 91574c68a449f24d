import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { readEnvironment } from '../config/environment.ts';
import { packageFile } from './package-file.ts';
import { type ServiceState, serviceState } from './service-state.ts';

/** The command, the configuration and the log of a service process. */
export interface ServiceProcessOptions {
  /** The configuration file. */
  readonly config: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of `run`. */
  readonly args?: readonly string[];
  /** Its output is appended to this file. */
  readonly log: string;
  /** The command to run; default: the built one of this package. */
  readonly command?: readonly string[];
}

/** How a process ended: its exit code, or the signal that ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The service as a child process, so that it can be killed. */
export interface ServiceProcess extends ServiceState {
  /** -1 if the process could not be started. */
  readonly pid: number;
  /** Resolves when the process has ended and its whole output is in the log. */
  readonly exited: Promise<Exit>;
  /** Sends a signal that ends the process, also a paused one; resolves with how it ended. */
  signal(signal: NodeJS.Signals): Promise<Exit>;
  /** Sends SIGSTOP: the process freezes with its connections open. */
  pause(): void;
  /** Sends SIGCONT. */
  resume(): void;
}

/** The built command of this package. */
const COMMAND = packageFile('dist/src/cli/wado-consumer.cjs');

/** Starts the service. It ends with `signal`, or with its configuration's error; `exited` says how. */
export function startServiceProcess(options: ServiceProcessOptions): ServiceProcess {
  const log = openSync(options.log, 'a');
  const written = fstatSync(log).size;
  const [program = process.execPath, ...before] = options.command ?? [process.execPath, COMMAND];
  const child = spawn(program, [...before, 'run', options.config, ...(options.args ?? [])], {
    env: { ...inherited(), ...options.env },
    // The process writes to the file itself, so its last lines are there when it has ended.
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const exited = exitOf(child);
  return {
    ...serviceState(options.log, written),
    pid: child.pid ?? -1,
    exited,
    signal(signal) {
      child.kill(signal);
      // A paused process gets the signal only when it continues.
      child.kill('SIGCONT');
      return exited;
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: -1, signal: null }));
  });
}

/** What any process needs; the caller provides the configuration's variables. */
function inherited(): Record<string, string> {
  const { PATH = '', HOME = '', TZ = '' } = readEnvironment();
  return TZ === '' ? { PATH, HOME } : { PATH, HOME, TZ };
}
