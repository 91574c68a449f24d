/** The file of a Unix socket, which stays when its process is killed. */
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { HostError } from './host.ts';

/**
 * Removes the socket's file if no process listens on it any more: binding would fail with EADDRINUSE. Throws a HostError if one does.
 * `address` is in gRPC's form; those that are not `unix:` have no file.
 */
export async function removeStaleSocket(address: string): Promise<void> {
  const path = /^unix:(?:\/\/)?(\/.*)$/.exec(address)?.[1];
  if (path === undefined) return;
  const code = await connectError(path);
  if (code === undefined) throw new HostError(IN_USE);
  if (code === 'ECONNREFUSED') await rm(path, { force: true });
}

const IN_USE =
  'another process listens on REDPANDA_CONNECT_PLUGIN_ADDRESS: restart Redpanda Connect (docs/connect.md, "When a process dies")';

function connectError(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name));
  });
}
