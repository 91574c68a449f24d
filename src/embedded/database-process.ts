/**
 * PGlite in a child process, started by database.ts: `node database-process.js FOLDER [fresh]`. PostgreSQL in WebAssembly would block the
 * service's event loop. Sends its port to the parent by IPC and ends with the parent.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { FolderInUseError, lockFolder } from './folder-lock.ts';

/** The one message to the parent: the port, or the owner of the folder. */
export type DatabaseMessage = { readonly port: number } | { readonly inUseBy: number };

const MAX_CONNECTIONS = 8;
// After a parent was killed, this process ends a moment later: the next one waits for it.
const LOCK_WAIT_MS = 5_000;

const [folder, fresh] = process.argv.slice(2);
if (folder === undefined || process.send === undefined) throw new Error('this file is started by database.ts');

const lock = await lockFolder(folder, LOCK_WAIT_MS).catch((error: unknown) => {
  if (!(error instanceof FolderInUseError)) throw error;
  process.send?.({ inUseBy: error.pid } satisfies DatabaseMessage);
  process.exit(1);
});
const data = join(folder, 'pgdata');
if (fresh === 'fresh') await rm(data, { recursive: true, force: true });
const database = await PGlite.create(data);
const server = new PGLiteSocketServer({ db: database, host: '127.0.0.1', port: 0, maxConnections: MAX_CONNECTIONS });
await server.start();

let closing = false;
async function close(): Promise<void> {
  if (closing) return;
  closing = true;
  await server.stop();
  await database.close();
  await lock.release();
  process.exit(0);
}

process.on('message', () => void close());
// The parent has ended. As long as this process runs, it locks the folder.
process.on('disconnect', () => void close());
// A signal may reach the whole process group. The parent drains first and then closes this process.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);

process.send({ port: Number(server.getServerConn().split(':').at(-1)) } satisfies DatabaseMessage);
