/** The worker as the supervisor sees it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
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
  /** Why it could not be started: the system's code, such as EMFILE. */
  readonly startError?: string;
}

/** What the supervisor does about a worker's frames and its end. */
export interface WorkerEvents {
  frame(frame: Frame): void;
  end(end: WorkerEnd): void;
}

/** A worker that was started. If that fails, it ends at once. */
export class WorkerProcess {
  readonly #child: ChildProcess | undefined;
  readonly #socket: Socket | undefined;
  readonly ended: Promise<void>;

  constructor(command: WorkerCommand, events: WorkerEvents) {
    let over = false;
    let resolveEnded: () => void = () => undefined;
    this.ended = new Promise((resolve) => {
      resolveEnded = resolve;
    });
    const end = (how: WorkerEnd) => {
      if (over) return;
      over = true;
      this.#socket?.destroy();
      events.end(how);
      resolveEnded();
    };
    const failed = ({ code = 'unknown' }: NodeJS.ErrnoException) => end({ code: null, signal: null, startError: code });
    try {
      this.#child = spawnWorker(command);
    } catch (error) {
      process.nextTick(failed, error as NodeJS.ErrnoException);
      return;
    }
    this.#child.once('exit', (code, signal) => end({ code, signal })).once('error', failed);
    const { stdout, stderr } = this.#child;
    // Without file descriptors for them, there are no streams, whatever the types say, and the error follows.
    if (stdout instanceof Readable) copyLines(stdout, process.stdout);
    if (stderr instanceof Readable) copyLines(stderr, process.stderr);
    // Extra pipes of a child are sockets.
    const socket: unknown = this.#child.stdio?.[SUPERVISOR_FD];
    if (!(socket instanceof Socket)) return;
    this.#socket = socket;
    const frames = new FrameReader((frame) => events.frame(frame));
    // The worker's death breaks the connection; its end is reported by the process itself.
    socket.on('data', (chunk) => frames.push(chunk)).on('error', () => undefined);
  }

  call(id: number, method: number, request: Uint8Array): void {
    this.#send(FRAME.call, id, request, method);
  }

  cancel(id: number): void {
    this.#send(FRAME.cancel, id);
  }

  ping(): void {
    this.#send(FRAME.ping);
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Closes the connection, which ends the worker; kills it if it still runs after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#socket?.end();
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  #send(...frame: FrameContent): void {
    if (this.#socket !== undefined) sendFrame(this.#socket, ...frame);
  }
}

type FrameContent = Parameters<typeof sendFrame> extends [Socket, ...infer Content] ? Content : never;

function spawnWorker({ command: [program, ...args], env }: WorkerCommand): ChildProcess {
  return spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
}
