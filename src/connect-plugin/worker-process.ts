/** The worker as the supervisor sees it. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { FRAME, type Frame, FrameReader, sendFrame } from './frames.ts';
import { copyLines } from './output-lines.ts';
import { SUPERVISOR_FD } from './worker.ts';

/** How to start a worker. */
export interface WorkerCommand {
  /** Program and arguments. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly env: NodeJS.ProcessEnv;
}

/** How a worker ended. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What the supervisor does about a worker's frames and its end. */
export interface WorkerEvents {
  frame(frame: Frame): void;
  end(end: WorkerEnd): void;
}

/** A started worker. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly ended: Promise<void>;

  constructor({ command: [program, ...args], env }: WorkerCommand, events: WorkerEvents) {
    const stdio = ['ignore', 'pipe', 'pipe', 'pipe'] as const;
    this.#child = spawn(program, args, { env, stdio: [...stdio] });
    const { stdout, stderr } = this.#child;
    if (stdout !== null) copyLines(stdout, process.stdout);
    if (stderr !== null) copyLines(stderr, process.stderr);
    // Extra pipes of a child are sockets.
    this.#socket = this.#child.stdio[SUPERVISOR_FD] as unknown as Socket;
    const frames = new FrameReader((frame) => events.frame(frame));
    // The worker's death breaks the connection; its end is reported by the process itself.
    this.#socket.on('data', (chunk) => frames.push(chunk)).on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      let over = false;
      const end = (how: WorkerEnd) => {
        if (over) return;
        over = true;
        this.#socket.destroy();
        events.end(how);
        resolve();
      };
      this.#child.once('exit', (code, signal) => end({ code, signal }));
      this.#child.once('error', () => end({ code: null, signal: null }));
    });
  }

  call(id: number, method: number, request: Uint8Array): void {
    sendFrame(this.#socket, FRAME.call, id, request, method);
  }

  cancel(id: number): void {
    sendFrame(this.#socket, FRAME.cancel, id);
  }

  ping(): void {
    sendFrame(this.#socket, FRAME.ping);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Closes the connection, which ends the worker; kills it if it still runs after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#socket.end();
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.ended;
    clearTimeout(timer);
  }
}
