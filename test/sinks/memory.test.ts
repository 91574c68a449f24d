import { describe, it } from 'vitest';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { sinkContract } from '../../src/testing/sink-contract.ts';

describe('the memory database', () => {
  const cases = sinkContract(
    async () => {
      const sink = createMemoryDatabase();
      const tables = { object: sink.objects, state: sink.states, image: sink.images };
      return {
        sink,
        rows: async (table) => [...tables[table].values()].map((row) => JSON.parse(String(row.json))),
        dispose: () => sink.close(),
      };
    },
    { refusesBadRows: false },
  );
  for (const { title, run } of cases) it(title, run);
});
