import type { Sink } from '../../ports.ts';
import type { TcpProxy } from '../proxy.ts';
import type { ReadRows } from './rows.ts';

/** A server that a case may kill. */
export interface KillableServer {
  /** kill -9. Resolves when the process has ended. */
  kill(): Promise<void>;
  /** Starts it again with its data. Resolves when it accepts connections. */
  start(): Promise<void>;
}

/** A connected sink on empty tables, and what a case may do around it. */
export interface SinkUnderTest {
  readonly sink: Sink;
  /** All rows of a table, in any order. */
  readonly rows: ReadRows;
  /** Connects one more sink to the same tables, as a second process would. The case closes it. */
  readonly another: () => Promise<Sink>;
  /** The number of deadlocks that the server has counted in these tables, if it counts them. */
  readonly deadlocks?: () => Promise<number>;
  /** The proxy through which `sink` reaches its server; for the group `network`. */
  readonly network?: TcpProxy;
  /** For the group `server`. */
  readonly server?: KillableServer;
  /** Closes the sink and drops its tables. */
  dispose(): Promise<void>;
}

/** Cases by their titles. */
export type Cases = Readonly<Record<string, (under: SinkUnderTest) => Promise<void>>>;
