import { describe } from 'vitest';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { itKeepsTheSinkContract } from '../../src/testing/vitest/sink-contract.ts';

/** It accepts any row, and has no server. */
describe('the memory database', () => {
  itKeepsTheSinkContract(async () => {
    const sink = createMemoryDatabase();
    const tables = { object: sink.objects, state: sink.states, image: sink.images };
    return {
      sink,
      rows: async (table) => [...tables[table].values()].map((row) => JSON.parse(String(row.json))),
      another: async () => sink,
      dispose: () => sink.close(),
    };
  }, ['storing', 'order', 'limits']);
});
