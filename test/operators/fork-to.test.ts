import { from, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import { forkTo } from '../../src/operators/fork-to.ts';
import type { Sink } from '../../src/ports.ts';
import type { GroupedBatch, PoisonRecord } from '../../src/records/records.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { batchOf } from '../../src/testing/sink-contract-batches.ts';

/** Ten images of one series, the first the newest. */
const batch = () =>
  batchOf(
    Array.from({ length: 10 }, (_, n) => ({
      series_uid: '1.2',
      sop_uid: `1.2.${n}`,
      created_time: `2026-01-01T00:00:0${9 - n}`,
    })),
  );

/** A sink that refuses the files at these positions, whenever it gets them. */
function refusing(refused: ReadonlySet<number>, of: GroupedBatch, storesByVersion: boolean) {
  const files = of.grouped.map(({ file }) => file);
  const rows: string[] = [];
  const sink: Sink = {
    name: 'sink',
    storesByVersion,
    connect: async () => undefined,
    write: async ({ grouped }) => {
      const bad = grouped.filter(({ file }) => refused.has(files.indexOf(file)));
      for (const record of grouped) {
        if (bad.includes(record)) continue;
        if (record.state !== null) rows.push(`state ${files.indexOf(record.file)}`);
        if (record.image !== null) rows.push(`image ${files.indexOf(record.file)}`);
      }
      return bad.map(({ file }) => ({ file, error: new SinkError('sink', 'rejected', '23514') }));
    },
    close: async () => undefined,
  };
  return { sink, rows };
}

async function run(of: GroupedBatch, sinks: readonly Sink[]) {
  const dead: PoisonRecord[] = [];
  const deadLetters: Sink = {
    ...createMemoryDatabase('dead_letters'),
    write: async ({ poison }) => {
      dead.push(...poison);
      return [];
    },
  };
  const retry = { initialDelayMs: 1, maxDelayMs: 1 };
  const stored = await lastValueFrom(from([of]).pipe(forkTo({ sinks, deadLetters }, { retry }), toArray()));
  return {
    stored: stored[0],
    dead: dead.map(({ source }) => of.grouped.findIndex(({ file }) => file.source === source)).sort(),
  };
}

describe('forkTo', () => {
  it('publishes nothing twice when a database refuses records, and the next newest of the series once', async () => {
    const of = batch();
    const database = refusing(new Set([0, 4]), of, true);
    const topic = refusing(new Set(), of, false);
    const { stored, dead } = await run(of, [database.sink, topic.sink]);
    expect(dead).toEqual([0, 4]);
    const images = Array.from({ length: 10 }, (_, n) => `image ${n}`);
    expect(topic.rows.toSorted()).toEqual([...images, 'state 0', 'state 1']);
    expect(database.rows).toHaveLength(8);
    expect(stored?.grouped.map(({ state }) => state !== null)).toEqual([true, ...Array(7).fill(false)]);
  });

  it('publishes each image once when a database refuses a whole series', async () => {
    const of = batch();
    const topic = refusing(new Set(), of, false);
    const { dead } = await run(of, [refusing(new Set(Array(10).keys()), of, true).sink, topic.sink]);
    expect(dead).toHaveLength(10);
    expect(topic.rows).toHaveLength(11);
    expect(new Set(topic.rows).size).toBe(11);
  });

  it('writes a database nothing again for what a topic refuses, and goes on with the next newest until one is accepted', async () => {
    const of = batch();
    const database = refusing(new Set(), of, true);
    const topic = refusing(new Set([0, 1]), of, false);
    const { dead } = await run(of, [database.sink, topic.sink]);
    expect(dead).toEqual([0, 1]);
    expect(database.rows).toHaveLength(11);
    expect(topic.rows.filter((row) => row.startsWith('state'))).toEqual(['state 2']);
    expect(new Set(topic.rows).size).toBe(topic.rows.length);
  });
});
