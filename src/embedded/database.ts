/** PostgreSQL without an installation: PGlite in a child process, stored in a folder, reached through a socket like any server. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DatabaseMessage } from './database-process.ts';
import { FolderInUseError } from './folder-lock.ts';

/** PostgreSQL in WASM (PGlite) in a process of its own. */
export interface EmbeddedDatabase {
  /** `postgres://…`, for any client. At most 8 connections; they share one session. */
  readonly dsn: string;
  /** The process of the database. */
  readonly pid: number;
  /** Shuts the database down. What was committed stays in the folder. */
  close(): Promise<void>;
  /** Ends the process by SIGKILL. */
  kill(): Promise<void>;
}

/** Where the database is stored. */
export interface EmbeddedDatabaseOptions {
  /** Folder of the database; created if it is missing. Used by one process at a time. */
  readonly folder: string;
  /** Empties the folder first. */
  readonly fresh?: boolean;
}

const START_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 10_000;

/** Starts the database and resolves when it accepts connections. Rejects with FolderInUseError if another process uses the folder. */
export async function startDatabase({ folder, fresh = false }: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  const { port, ...process } = await forkDatabase(fresh ? [folder, 'fresh'] : [folder]);
  return { dsn: `postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable`, ...process };
}

async function forkDatabase(args: string[]): Promise<Omit<EmbeddedDatabase, 'dsn'> & { readonly port: number }> {
  const child = fork(processFile(), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error('the embedded database did not start in time'));
    }, START_TIMEOUT_MS);
    child.once('message', (message: DatabaseMessage) => {
      clearTimeout(timer);
      if ('port' in message) resolve(message.port);
      else reject(new FolderInUseError(message.inUseBy));
    });
    void exited.then(() => {
      clearTimeout(timer);
      reject(new Error('the embedded database exited during its start; --fresh empties its folder'));
    });
  });
  return {
    port,
    pid: child.pid ?? -1,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    close: async () => {
      const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_TIMEOUT_MS);
      if (child.connected) child.send('close');
      await exited;
      clearTimeout(timer);
    },
  };
}

/** A child process needs JavaScript: code that runs from the sources (tests) starts the built file. */
function processFile(): string {
  const built = import.meta.url.endsWith('.ts')
    ? '../../dist/src/embedded/database-process.js'
    : './database-process.js';
  return fileURLToPath(new URL(built, import.meta.url));
}
