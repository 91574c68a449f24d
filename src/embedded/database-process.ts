/**
 * PGlite in a process of its own, started by database.ts: `node database-process.js FOLDER [fresh]`. PostgreSQL in WebAssembly computes on its
 * thread, and the service's event loop is to be measured without that. Tells its port by IPC; ends when its parent does.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { FolderInUseError, lockFolder } from './folder-lock.ts';

/** What it tells its parent, once: where it listens, or whose folder it is. */
export type DatabaseMessage = { readonly port: number } | { readonly inUseBy: number };

const MAX_CONNECTIONS = 8;
// A parent that was killed leaves this process a moment behind: the next one waits for it.
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
// The parent is gone, by whatever means: nobody else may have the folder while this process holds it.
process.on('disconnect', () => void close());
// Signals may reach the whole process group; the parent drains first and then says when to close.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);

process.send({ port: Number(server.getServerConn().split(':').at(-1)) } satisfies DatabaseMessage);
