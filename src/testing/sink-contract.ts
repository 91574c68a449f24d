/**
 * What the service requires of every database sink, as cases for any test runner. Each case opens a sink on its own empty tables.
 * The memory database passes the same cases, so the topology's tests rely on nothing that a real database doesn't do.
 *
 * @module wado-consumer/testing/sink-contract
 */
import type { Cases, SinkUnderTest } from './sink-contract/case.ts';
import { NETWORK_FAULTS, SERVER_FAULTS } from './sink-contract/faults.ts';
import { LIMITS } from './sink-contract/limits.ts';
import { ORDER } from './sink-contract/order.ts';
import { REFUSALS } from './sink-contract/refusals.ts';
import { canonical } from './sink-contract/rows.ts';
import { STORING } from './sink-contract/storing.ts';

export type { KillableServer, SinkUnderTest } from './sink-contract/case.ts';
export type { ReadRows, StoredRow, TableName } from './sink-contract/rows.ts';

/** The groups of cases, in the order in which they run. */
export const CONTRACT_GROUPS = ['storing', 'order', 'limits', 'refusals', 'network', 'server'] as const;

/**
 * A group: `storing`, `order` (any order, duplication and batching), `limits` (values at every limit of a column), `refusals` (needs columns
 * that refuse what doesn't fit), `network` (needs a proxy before the server), `server` (needs a server that can be killed).
 */
export type ContractGroup = (typeof CONTRACT_GROUPS)[number];

const GROUPS: Readonly<Record<ContractGroup, Cases>> = {
  storing: STORING,
  order: ORDER,
  limits: LIMITS,
  refusals: REFUSALS,
  network: NETWORK_FAULTS,
  server: SERVER_FAULTS,
};

/** One case. `run` rejects with an AssertionError if the sink doesn't keep it. */
export interface ContractCase {
  readonly title: string;
  /** Opens a sink, checks the case, and disposes of the sink. */
  run(): Promise<void>;
}

/** The cases of these groups. `open` gives a connected sink on empty tables. */
export function sinkContract(
  open: () => Promise<SinkUnderTest>,
  groups: readonly ContractGroup[],
): readonly ContractCase[] {
  return groups.flatMap((group) =>
    Object.entries(GROUPS[group]).map(([title, body]) => ({
      title,
      async run() {
        const under = await open();
        const rows: SinkUnderTest['rows'] = async (table) => (await under.rows(table)).map(canonical);
        try {
          await body({ ...under, rows });
        } finally {
          await under.dispose();
        }
      },
    })),
  );
}
