import { it } from 'vitest';
import {
  CONTRACT_GROUPS,
  type ContractGroup,
  type SinkUnderTest,
  sinkContract,
} from '../../src/testing/sink-contract.ts';

/**
 * One test per case of these groups of the sink contract. A group in `missing` is one skipped test that says why this machine can't
 * show it.
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
