/** The connection between the supervisor and its worker: frames over a socket that both inherit. */
import type { Socket } from 'node:net';

/** What a frame says. */
export const FRAME = {
  /** To the worker: a call. `code` is the method, the payload the request. */
  call: 1,
  /** To the worker: the caller no longer waits. */
  cancel: 2,
  /** To the worker: answer with `pong`. */
  ping: 3,
  /** To the supervisor: the worker takes calls. */
  ready: 4,
  /** To the supervisor: the response. */
  response: 5,
  /** To the supervisor: the call ended with a gRPC status; the payload is its message. */
  unavailable: 6,
  /** To the supervisor: the worker's event loop runs. */
  pong: 7,
} as const;

/** The kind of a frame. */
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

/** One frame. `id` names the call, 0 where there is none. */
export interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly code: number;
  readonly payload: Buffer;
}

/** Kind, code and id, behind the length of what follows it. */
const HEAD_BYTES = 10;
const MAX_ID = 0xff_ff_ff_ff;

/** The id of the next call. It starts again at 1, because a frame has 32 bits for it. */
export function idAfter(id: number): number {
  return (id % MAX_ID) + 1;
}

const NOTHING = Buffer.alloc(0);

/** Sends a frame. */
export function sendFrame(socket: Socket, kind: FrameKind, id = 0, payload: Uint8Array = NOTHING, code = 0): void {
  if (socket.destroyed) return;
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32LE(HEAD_BYTES - 4 + payload.length, 0);
  head.writeUInt8(kind, 4);
  head.writeUInt8(code, 5);
  head.writeUInt32LE(id, 6);
  socket.cork();
  socket.write(head);
  if (payload.length > 0) socket.write(payload);
  socket.uncork();
}

/** Joins the chunks of a stream to frames. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes >= HEAD_BYTES) {
      const length = this.#lengthOfNext();
      if (this.#bytes < 4 + length) return;
      const all = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytes);
      this.#onFrame(frameOf(all.subarray(4, 4 + length)));
      const rest = all.subarray(4 + length);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#bytes = rest.length;
      if (rest.length > 0) chunk = rest;
    }
  }

  #lengthOfNext(): number {
    const [first = NOTHING] = this.#chunks;
    // A length may be divided between two chunks.
    if (first.length >= 4) return first.readUInt32LE(0);
    return Buffer.concat(this.#chunks, this.#bytes).readUInt32LE(0);
  }
}

function frameOf(bytes: Buffer): Frame {
  return {
    kind: bytes.readUInt8(0),
    code: bytes.readUInt8(1),
    id: bytes.readUInt32LE(2),
    payload: bytes.subarray(HEAD_BYTES - 4),
  };
}
