import type { ContainerName } from './images.ts';

/** What a stack consists of. */
export interface StackOptions {
  /**
   * `embedded`: librdkafka's mock broker in this process, 10 ms. `kafka`, `redpanda`: a container. `{ brokers }`: a broker of one node that runs
   * already, without TLS, and advertises localhost. Default: a `kafka` container where Docker and its image are available, `embedded` otherwise.
   */
  readonly broker?: 'embedded' | 'kafka' | 'redpanda' | { readonly brokers: string };
  /**
   * `pglite`: PostgreSQL in WebAssembly, in a child process. `postgres`: a container. `mysql`: the MySQL or MariaDB that is
   * installed, else a container. `{ dsn }`: a server that runs already. Default: a `postgres` container where it is available,
   * `pglite` otherwise.
   */
  readonly database?: 'pglite' | 'postgres' | 'mysql' | { readonly dsn: string };
  /** Images for containers, by name. */
  readonly images?: Readonly<Partial<Record<ContainerName, string>>>;
  /** Partitions of each topic. Default 6; the embedded broker always has 4. */
  readonly partitions?: number;
  /** Variables of redpanda.yaml for the service, which win over those of the stack. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of `wado-consumer run`, e.g. `--exactly-once` or `--set`. */
  readonly args?: readonly string[];
}
