import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { describeSinkContract } from '../../src/testing/vitest/sink-contract.ts';

/** How long each case of the contract may take, by the title of its block. */
const limits = new Map<string, Set<number>>();
beforeEach(({ task }) => {
  const title = task.suite?.name ?? '';
  limits.set(title, (limits.get(title) ?? new Set()).add(task.timeout));
});

function contract(title: string, changes: { readonly timeoutMs?: number }): void {
  let database = createMemoryDatabase();
  describeSinkContract(title, {
    empty: async () => {
      database = createMemoryDatabase();
    },
    create: async () => database,
    read: async (table) => {
      const { objects, states, images } = database;
      const rows = { object: objects, state: states, image: images }[table];
      return [...rows.values()].map(({ json }) => JSON.parse(String(json)));
    },
    without: { storing: 'not here', order: 'not here', refusals: 'not here', network: 'not here', server: 'not here' },
    ...changes,
  });
}

contract('the contract as it is', {});
contract('the contract with a limit', { timeoutMs: 70_000 });

describe('the time that each case of the sink contract may take', () => {
  it('is two minutes instead of the runner’s default, unless the options name another', () => {
    expect(limits.get('the contract as it is')).toEqual(new Set([120_000]));
    expect(limits.get('the contract with a limit')).toEqual(new Set([70_000]));
  });
});
