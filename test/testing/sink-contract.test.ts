import { describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import type { Sink } from '../../src/ports.ts';
import type { GroupedBatch } from '../../src/records/records.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../../src/sinks/memory.ts';
import { sinkContract } from '../../src/testing/sink-contract.ts';

type Write = (database: MemoryDatabase, batch: GroupedBatch, tables: Tables) => ReturnType<Sink['write']>;
type Tables = ReturnType<typeof tablesOf>;

/** The rows of a sink that writes them itself instead of through the memory database. */
const tablesOf = () => ({ object: new Map(), state: new Map(), image: new Map() }) as const;

/** The titles of the cases that a sink with this `write` fails. */
async function failuresOf(write: Write, ownTables = false): Promise<readonly string[]> {
  const failed: string[] = [];
  const cases = sinkContract(async () => {
    const database = createMemoryDatabase();
    const own = tablesOf();
    const stored = { object: database.objects, state: database.states, image: database.images };
    const sink: Sink = { ...database, write: (batch) => write(database, batch, own) };
    return {
      sink,
      rows: async (table) =>
        [...(ownTables ? own : stored)[table].values()].map(({ json }) => JSON.parse(String(json))),
      another: async () => sink,
      dispose: () => sink.close(),
    };
  }, ['storing', 'limits']);
  for (const { title, run } of cases) await run().catch(() => failed.push(title));
  return failed;
}

describe('the sink contract', () => {
  it('passes for the memory database', async () => {
    expect(await failuresOf((database, batch) => database.write(batch))).toEqual([]);
  });

  it('fails a sink that keeps the last row instead of the one with the greater version', async () => {
    const failed = await failuresOf(async (_, batch, tables) => {
      for (const { object, state, image } of batch.grouped)
        for (const [table, row] of Object.entries({ object, state, image }) as [keyof Tables, typeof state][])
          if (row !== null) tables[table].set(row.identity, row);
      return [];
    }, true);
    expect(failed).toContain('keeps the greater version, whichever comes first');
    expect(failed).not.toContain('stores the object, state and image row of a record');
  });

  it('fails a sink that acknowledges a batch without storing all of it', async () => {
    const failed = await failuresOf((database, batch) =>
      database.write({ ...batch, grouped: batch.grouped.slice(0, 20) }),
    );
    expect(failed).toContain('stores many batches written at once');
  });

  it('fails a sink that cuts a text to 64 bytes', async () => {
    const cut = (row: { readonly json: Buffer }) => {
      const fields = Object.entries(JSON.parse(String(row.json)) as Record<string, unknown>).map(([name, value]) => [
        name,
        typeof value === 'string' ? Buffer.from(value).subarray(0, 64).toString() : value,
      ]);
      return { json: Buffer.from(JSON.stringify(Object.fromEntries(fields))) };
    };
    const failed = await failuresOf((database, batch) =>
      database.write({
        ...batch,
        grouped: batch.grouped.map((each) => ({
          ...each,
          state: each.state === null ? null : { ...each.state, ...cut(each.state) },
        })),
      }),
    );
    expect(failed).toEqual(['keeps text of as many characters as its column holds, of four bytes each']);
  });

  it('fails a sink that refuses a record which it could store', async () => {
    const failed = await failuresOf(async (database, batch) => {
      await database.write(batch);
      return batch.grouped
        .slice(0, 1)
        .map(({ file }) => ({ file, error: new SinkError('memory', 'rejected', 'none') }));
    });
    expect(failed).toContain('changes no row on a replay');
  });
});
