/** The state that the servers of a double share. */
import type { Table } from './table.ts';
import { Transactions } from './transactions.ts';

/** What a BE does with one load instead of answering it. */
export type LoadFault =
  /** Reads the whole body, then closes the connection; the transaction is aborted. */
  | { readonly kind: 'cut_before_commit' }
  /** Commits, then closes the connection without an answer. */
  | { readonly kind: 'cut_after_commit' }
  /** Commits, and never answers. */
  | { readonly kind: 'hang_after_commit' }
  /** Closes the connection, and commits after a while. */
  | { readonly kind: 'cut_then_commit'; readonly afterMs: number }
  /** Commits, and answers `Publish Timeout`; the rows are visible after `publish()`. */
  | { readonly kind: 'publish_timeout' }
  /** Answers with status Fail and this message. */
  | { readonly kind: 'fail'; readonly message: string }
  /** Answers with this HTTP status. */
  | { readonly kind: 'http'; readonly status: number }
  /** Waits before it reads the body. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Takes this long after it has read the body; aborts if the client has gone by then. */
  | { readonly kind: 'slow'; readonly ms: number };

/** What an FE names in a redirect; `followed`: a proxy in front of the FE follows it and passes on the BE's answer. */
export type Redirect = 'with_credentials' | 'plain' | 'other_scheme' | 'foreign_host' | 'without_location' | 'followed';

/** One load that a BE received, for assertions. */
export interface ReceivedLoad {
  readonly table: string;
  readonly label: string;
  readonly rows: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export class Cluster {
  readonly database = 'dicom';
  readonly user = 'wado';
  password = 'p@ss:word';
  version = 'doris-3.1.4-rc02-1d5cbbe';
  readonly tables = new Map<string, Table>();
  readonly transactions = new Transactions();
  readonly received: ReceivedLoad[] = [];
  /** Authorization headers by the port that received them. */
  readonly credentialsSeenAt = new Set<number>();
  /** `host:port` of the BEs. */
  readonly backends: { readonly host: string; readonly port: number; alive: boolean }[] = [];
  redirect: Redirect = 'with_credentials';
  scheme: 'http' | 'https' = 'http';
  /** Where a redirect to a foreign host leads. */
  foreignPort = 0;
  /** The port of an FE that reads requests and never answers, and the number of them. */
  silentFrontend = 0;
  silenced = 0;
  /** BEs before Doris 2.1 refuse compressed JSON. */
  refusesCompressedJson = false;
  /** Whether the error log can be read. */
  errorLogs = true;
  readonly #faults: { readonly table: string | undefined; readonly fault: LoadFault }[] = [];
  readonly #logs: string[] = [];
  #turn = 0;

  /** The next load (into `table`) meets `fault`. */
  injectFault(fault: LoadFault, table?: string): void {
    this.#faults.push({ table, fault });
  }

  takeFault(table: string): LoadFault | undefined {
    const at = this.#faults.findIndex((each) => each.table === undefined || each.table === table);
    return at < 0 ? undefined : this.#faults.splice(at, 1)[0]?.fault;
  }

  /** Round robin over the BEs that are alive. */
  nextBackend(): { readonly host: string; readonly port: number } | undefined {
    const alive = this.backends.filter((backend) => backend.alive);
    return alive[this.#turn++ % alive.length];
  }

  keepLog(lines: readonly string[]): number {
    return this.#logs.push(`${lines.join('\n')}\n`) - 1;
  }

  log(id: number): string | undefined {
    return this.errorLogs ? this.#logs[id] : undefined;
  }

  allows(authorization: string | undefined): boolean {
    const expected = Buffer.from(`${this.user}:${this.password}`).toString('base64');
    return authorization === `Basic ${expected}`;
  }
}
