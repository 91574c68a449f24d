import { lastValueFrom, of, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SinkError } from '../../src/errors.ts';
import { KafkaOrigin, kafkaOrigin, offsetRanges } from '../../src/kafka/consumer/origin.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { recordDeadLetters } from '../../src/ops/observe.ts';
import type { DeadLetterSink, Offsets, Sink } from '../../src/ports.ts';
import type { ConsumedRecord, Origin, PoisonRecord } from '../../src/records/records.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { consumedRecord, MemoryOrigin, neverRevoked } from '../../src/testing/consumed-record.ts';
import { createMemoryReader } from '../../src/testing/memory-reader.ts';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { topology } from '../../topology/topology.ts';

const record = (meta: object) => consumedRecord(Buffer.from(JSON.stringify(meta)));

/** Runs records through the real topology; `sink` is a database beside the one in memory. */
async function run(records: readonly ConsumedRecord[], sink: Sink = createMemoryDatabase('other')) {
  const acknowledged: Origin[] = [];
  const poison: PoisonRecord[] = [];
  const { records: ledger } = createMetrics({ process: false });
  const offsets: Offsets = {
    ack: (origins) => {
      acknowledged.push(...origins);
      ledger.acked(origins);
      return [];
    },
  };
  const deadLetters: DeadLetterSink = {
    ...createMemoryDatabase('dead_letters'),
    write: async (batch) => {
      poison.push(...batch.poison);
      return [];
    },
  };
  const database = createMemoryDatabase();
  const batches = await lastValueFrom(
    topology(
      {
        source: {
          name: 's',
          topics: [],
          records$: of(...records),
          waiting: neverRevoked,
          stop: async () => undefined,
          close: async () => undefined,
        },
        reader: createMemoryReader(),
        sinks: [database, sink],
        deadLetters: recordDeadLetters(deadLetters, ledger),
        offsets,
      },
      { batchCount: 50, batchPeriodMs: 1_000, concurrency: 1, fileWaitMs: 0 },
    )
      .run()
      .pipe(toArray()),
  );
  return { acknowledged, poison, batches, database, figures: ledger.read() };
}

describe('a record’s origin', () => {
  it('is opaque to operators and sinks, which acknowledge the tokens of a source without offsets unchanged', async () => {
    const records = [record(storeMeta({ file_path: '/s1/a/1' })), record({ not: 'a record' })];
    const { acknowledged, batches, database } = await run(records);
    expect(new Set(acknowledged)).toEqual(new Set(records.map(({ origin }) => origin)));
    expect(batches).toMatchObject([{ ranges: [], records: 2, deadLetters: 1 }]);
    expect(database.objects.size).toBe(1);
  });

  it('identifies a record that a sink copied before rejecting it, so that it is dead-lettered and counted once', async () => {
    let writes = 0;
    const copying: Sink = {
      ...createMemoryDatabase('copying'),
      write: async ({ grouped }) => {
        if (++writes > 5) throw new SinkError('copying', 'unknown', 'written again and again');
        const bad = grouped.find(({ file }) => file.path === '/s1/a/bad');
        if (bad === undefined) return [];
        const file = { ...bad.file, source: { ...bad.file.source } };
        return [{ file, error: new SinkError('copying', 'rejected', '22001') }];
      },
    };
    const records = [record(storeMeta({ file_path: '/s1/a/1' })), record(storeMeta({ file_path: '/s1/a/bad' }))];
    const { poison, figures } = await run(records, copying);
    expect(poison.map(({ source }) => source.origin)).toEqual([records[1]?.origin]);
    expect(figures).toMatchObject({ acked: 1, deadLettered: 1, deadLetters: { rejected: 1 } });
  });
});

describe('the Kafka source’s origins', () => {
  const at = (partition: number, offset: number) => new KafkaOrigin({ topic: 't', partition, offset });

  it('are read as topic, partition and offset, and those of another source are refused', () => {
    expect(kafkaOrigin(at(1, 2))).toMatchObject({ topic: 't', partition: 1, offset: 2 });
    expect(() => kafkaOrigin(new MemoryOrigin())).toThrow(TypeError);
  });

  it('become one range per partition for the log, in any order', () => {
    expect(offsetRanges([at(0, 7), at(1, 3), at(0, 5)])).toEqual([
      { topic: 't', partition: 0, first: 5, last: 7, records: 2 },
      { topic: 't', partition: 1, first: 3, last: 3, records: 1 },
    ]);
  });
});
