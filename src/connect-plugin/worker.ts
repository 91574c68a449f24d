/** The process that runs the plugin. Its supervisor passes calls to it and restarts it. */
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCallHandler, METHODS, Unavailable } from './calls.ts';
import type { Plugin } from './component.ts';
import { FRAME, type Frame, FrameReader, sendFrame } from './frames.ts';

/** The file descriptor of the connection to the supervisor. */
export const SUPERVISOR_FD = 3;

/** Signals that may be sent to a whole process group. The supervisor ends the worker by closing the connection. */
const GROUP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** How long the component may take to close after the supervisor has died. The supervisor itself waits for its answer to Close. */
const CLOSE_GRACE_MS = 2_000;

/** Answers the supervisor's calls. When the supervisor has closed the connection or has died, closes the component and resolves. */
export async function runWorker(plugin: Plugin, socket = new Socket({ fd: SUPERVISOR_FD })): Promise<void> {
  for (const signal of GROUP_SIGNALS) process.on(signal, () => undefined);
  const handler = createCallHandler(plugin);
  const calls = new Map<number, AbortController>();

  async function answer({ id, code, payload }: Frame): Promise<void> {
    const cancelled = new AbortController();
    calls.set(id, cancelled);
    const method = METHODS[plugin.type][code];
    try {
      if (method === undefined) throw new Unavailable('unknown method');
      sendFrame(socket, FRAME.response, id, await handler.call(method, payload, { signal: cancelled.signal }));
    } catch (error) {
      const message = error instanceof Unavailable ? error.message : 'unexpected error';
      sendFrame(socket, FRAME.unavailable, id, Buffer.from(message));
    } finally {
      calls.delete(id);
    }
  }

  const frames = new FrameReader((frame) => {
    if (frame.kind === FRAME.call) void answer(frame);
    else if (frame.kind === FRAME.cancel) calls.get(frame.id)?.abort();
    else if (frame.kind === FRAME.ping) sendFrame(socket, FRAME.pong);
  });
  const closed = new Promise<void>((resolve) => {
    socket
      .on('error', () => resolve())
      .on('close', () => resolve())
      .on('end', () => resolve());
  });
  socket.on('data', (chunk) => frames.push(chunk));
  sendFrame(socket, FRAME.ready);
  await closed;
  socket.destroy();
  const noSignal = new AbortController().signal;
  const timeout = sleep(CLOSE_GRACE_MS, undefined, { ref: false });
  await Promise.race([handler.call('Close', new Uint8Array(0), { signal: noSignal }), timeout]);
}
