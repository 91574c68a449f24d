/** A broker or a database of a stack, and what can be done to its process. */

import type { TopicCalls } from '../pipeline.ts';

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A running server. Its address may change when it starts again; the stack's proxy keeps its port. */
export interface StackServer {
  /** How it was started, for messages: `embedded`, `container apache/kafka:4.1.0`, `given`. */
  readonly how: string;
  address(): Address;
  /** Undefined where only its connections can be taken: the embedded broker has no process, and a given server is not the stack's. */
  readonly process: ServerProcess | undefined;
  close(): Promise<void>;
}

/** The process or container of a server. Data outlives it. */
export interface ServerProcess {
  /** Shuts it down. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again after `stop` or `kill`. Resolves when it accepts connections. */
  start(): Promise<void>;
  /** Freezes it with all its connections open (SIGSTOP, or the engine's pause). */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** A broker. */
export interface BrokerServer extends StackServer {
  /** Given where the admin API can't create topics. */
  readonly topics?: TopicCalls;
}

/** A database server. */
export interface DatabaseServer extends StackServer {
  /** The DSN of the server at this address. */
  dsn(address: Address): string;
  /** Provides an empty database; its path is that of the DSN. `drop` removes it. */
  empty(): Promise<EmptyDatabase>;
}

export interface EmptyDatabase {
  /** The path of the DSN: `/name`. */
  readonly path: string;
  drop(): Promise<void>;
}

/** A server can't be had, or can't do what was asked. The message says what to do instead. */
export class StackError extends Error {
  override readonly name = 'StackError';
}
