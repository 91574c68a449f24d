/**
 * Ends what a stack has started if the test process is killed: a child process that outlives it. testcontainers' reaper does this for
 * containers only, and by one more container.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { packageFile } from '../package-file.ts';

/** What the reaper is to end or to remove, or no longer. */
export type ReaperMessage =
  | { readonly process: number }
  | { readonly ended: number }
  | { readonly container: string }
  | { readonly folder: string };

/** The processes and temporary folders of a stack. */
export interface Leftovers {
  readonly pids: readonly number[];
  readonly folders: readonly string[];
}

export interface Reaper {
  /** A process to end with SIGKILL. */
  process(pid: number): void;
  /** The process has ended. Its id may be reused. */
  ended(pid: number): void;
  /** A container to remove, by its id. */
  container(id: string): void;
  /** A temporary folder to remove. */
  folder(path: string): void;
  /** The processes and folders that it would end and remove now. */
  readonly leftovers: Leftovers;
  /** Ends the reaper, to be called last. It ends and removes what is left. */
  close(): Promise<void>;
}

/** Starts the reaper. It doesn't keep this process running. */
export function startReaper(): Reaper {
  // A process group of its own: Ctrl-C must not end it before it has done its work.
  const child: ChildProcess = fork(packageFile('dist/src/testing/stack/reaper-process.js'), {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
  });
  child.unref();
  child.channel?.unref();
  // It has been killed. There is nothing to do about it.
  child.on('error', () => undefined);
  const pids = new Set<number>();
  const folders = new Set<string>();
  const send = (message: ReaperMessage) => void (child.connected && child.send(message));
  return {
    get leftovers() {
      return { pids: [...pids], folders: [...folders] };
    },
    process: (pid) => {
      pids.add(pid);
      send({ process: pid });
    },
    ended: (pid) => {
      pids.delete(pid);
      send({ ended: pid });
    },
    container: (id) => send({ container: id }),
    folder: (path) => {
      folders.add(path);
      send({ folder: path });
    },
    close: async () => {
      if (!child.connected) return;
      child.ref();
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
