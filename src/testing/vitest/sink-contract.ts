import { describe, it } from 'vitest';
import type { Sink } from '../../ports.ts';
import { startTcpProxy } from '../proxy.ts';
import {
  CONTRACT_GROUPS,
  type ContractGroup,
  type KillableServer,
  type ReadRows,
  type SinkUnderTest,
  sinkContract,
} from '../sink-contract.ts';

/** The sink under test, and the server behind it. */
export interface SinkContractOptions {
  /**
   * Creates a sink on the same tables and connects it. Called once before each case, and by some cases again for a second process that
   * writes to the same tables. With `outage`, `address` is where the sink reaches its server; else it is undefined. The suite closes what it
   * created, also after the case did: `close()` is called twice then.
   */
  readonly create: (address: ServerAddress | undefined) => Promise<Sink>;
  /** Empties the tables. Called before each case, while no sink of the suite is open. Not needed if `create` does so or each sink is new. */
  readonly empty?: () => Promise<void>;
  /** Reads all rows of `object`, `state` or `image` without the sink: by the names of docs/tables.md, dates and times as text. */
  readonly read: ReadRows;
  /** The server that the suite may take from the sink. Without it the groups `network` and `server` are skipped. */
  readonly outage?: Outage;
  /** Groups that this sink is not asked for, with the reason: `{ refusals: 'its columns have no limits' }`. They are reported as skipped. */
  readonly without?: Readonly<Partial<Record<ContractGroup, string>>>;
  /** How long each case may take, in milliseconds. Default 120,000: vitest's own limit of 5 s is too short on a busy machine. */
  readonly timeoutMs?: number;
}

/** Where a server listens. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** What the suite may do to the server. It puts a proxy before `server` to cut, refuse and silence connections. */
export interface Outage {
  readonly server: ServerAddress;
  /** Kills and starts the server. Without it the group `server` is skipped. */
  readonly process?: KillableServer;
}

/**
 * A `describe` with one test per case of the sink contract: what the service requires of a sink that stores by version, as databases do.
 * Call it at the top of a test file of vitest. It needs the packages vitest and fast-check.
 */
export function describeSinkContract(title: string, options: SinkContractOptions): void {
  const { outage, without = {}, timeoutMs = 120_000 } = options;
  const missing: Partial<Record<ContractGroup, string>> = { ...without };
  if (outage === undefined) missing.network ??= 'it needs `outage`';
  if (outage?.process === undefined) missing.server ??= 'it needs `outage.process`';
  describe(title, { timeout: timeoutMs }, () =>
    itKeepsTheSinkContract(() => opened(options), CONTRACT_GROUPS, missing),
  );
}

/**
 * The tests alone, for a sink that needs more than `describeSinkContract` offers. Tests the cases of `groups`; a group in `missing` is one
 * skipped test with the reason. `open` gives a connected sink on empty tables.
 */
export function itKeepsTheSinkContract(
  open: () => Promise<SinkUnderTest>,
  groups: readonly ContractGroup[] = CONTRACT_GROUPS,
  missing: Readonly<Partial<Record<ContractGroup, string>>> = {},
): void {
  const asked = groups.filter((group) => missing[group] === undefined);
  for (const { title, run } of sinkContract(open, asked)) it(title, run);
  for (const [group, why] of Object.entries(missing)) {
    it(`was not asked for the group ${group}: ${why}`, (context) => context.skip());
  }
}

async function opened({ create, empty, read, outage }: SinkContractOptions): Promise<SinkUnderTest> {
  await empty?.();
  const network = outage === undefined ? undefined : await startTcpProxy({ target: outage.server });
  const sinks: Sink[] = [];
  const connect = async (address: ServerAddress | undefined) => {
    const sink = await create(address);
    sinks.push(sink);
    return sink;
  };
  const dispose = async () => {
    await Promise.allSettled(sinks.map((sink) => sink.close()));
    await network?.close();
  };
  try {
    return {
      sink: await connect(network === undefined ? undefined : { host: '127.0.0.1', port: network.port }),
      rows: read,
      another: () => connect(outage?.server),
      ...(network === undefined ? {} : { network }),
      ...(outage?.process === undefined ? {} : { server: outage.process }),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
