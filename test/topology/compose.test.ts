import { from, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ParseError, SinkError } from '../../src/errors.ts';
import { keepRecords } from '../../src/operators/keep-records.ts';
import { parseValues } from '../../src/operators/parse-values.ts';
import { toBatch } from '../../src/operators/to-batch.ts';
import type { Sink, Source } from '../../src/ports.ts';
import type { ConsumedRecord, Origin, PoisonRecord, Processed, Rejection } from '../../src/records/records.ts';
import { consumedRecord, neverRevoked } from '../../src/testing/consumed-record.ts';
import { consume } from '../../topology/compose.ts';

const BUFFER = { batchCount: 50, batchPeriodMs: 1_000 };

function sourceOf(records: readonly ConsumedRecord[]): Source {
  const done = async () => undefined;
  return {
    name: 'orders',
    topics: ['orders'],
    records$: from(records),
    waiting: neverRevoked,
    stop: done,
    close: done,
  };
}

/** A sink in memory that rejects some values. */
function collector(name: string, rejects: readonly number[] = []) {
  const values: number[] = [];
  const poison: PoisonRecord[] = [];
  const sink: Sink<Processed<number>> = {
    name,
    connect: async () => undefined,
    close: async () => undefined,
    write: async (batch) => {
      poison.push(...batch.poison);
      const isBad = ({ value }: Processed<number>) => rejects.includes(value);
      values.push(...batch.grouped.filter((each) => !isBad(each)).map(({ value }) => value));
      return batch.grouped
        .filter(isBad)
        .map(({ source }): Rejection<Processed<number>> => ({ source, error: new SinkError(name, 'rejected', 'odd') }));
    },
  };
  return { sink, values, poison };
}

function parseNumber(value: Buffer | null): number {
  const number = Number(value);
  if (Number.isNaN(number)) throw new ParseError('invalid_field', 'expected a number');
  return number;
}

/** Runs records of another type than DicomStoreMeta; `keep` is a processor before the fork. */
async function run(
  values: readonly string[],
  { rejects = [] as readonly number[], keep = (_: number): boolean => true } = {},
) {
  const records = values.map((value) => consumedRecord(Buffer.from(value)));
  const acknowledged: Origin[] = [];
  const store = collector('store', rejects);
  const deadLetters = collector('dead_letters');
  const topology = consume(sourceOf(records))
    .through('parse_numbers', parseValues(parseNumber))
    .buffer(BUFFER)
    .through('to_batch', toBatch())
    .through(
      'keep',
      keepRecords(({ value }) => keep(value)),
    )
    .forkTo({ sinks: [store.sink], deadLetters: deadLetters.sink })
    .commitTo({
      ack: (origins) => {
        acknowledged.push(...origins);
        return [];
      },
    });
  const batches = await lastValueFrom(topology.run().pipe(toArray()));
  return { records, acknowledged, batches, values: store.values, poison: deadLetters.poison };
}

describe('a topology with records of another type', () => {
  it('stores the values, dead-letters the invalid records and acknowledges all of them', async () => {
    const { records, acknowledged, batches, values, poison } = await run(['1', 'two', '3']);
    expect(values).toEqual([1, 3]);
    expect(poison.map(({ source, error }) => [source, error.code])).toEqual([[records[1], 'invalid_field']]);
    expect(acknowledged).toEqual(records.map(({ origin }) => origin));
    expect(batches).toMatchObject([{ records: 3, states: 0, images: 0, deadLetters: 1 }]);
  });

  it('dead-letters the record that a sink rejects, and writes no other one again', async () => {
    const { records, acknowledged, values, poison } = await run(['1', '2', '3'], { rejects: [2] });
    expect(values).toEqual([1, 3]);
    expect(poison.map(({ source }) => source)).toEqual([records[1]]);
    expect(acknowledged).toHaveLength(3);
  });

  it('does not store what a processor before the fork removes, and still acknowledges it', async () => {
    const { acknowledged, values, poison } = await run(['1', '2', '3'], { keep: (value) => value !== 2 });
    expect(values).toEqual([1, 3]);
    expect(poison).toEqual([]);
    expect(acknowledged).toHaveLength(3);
  });

  it('fails on an error of its parser that is not a ParseError', async () => {
    const topology = consume(sourceOf([consumedRecord(null)]))
      .through(
        'parse',
        parseValues((): number => {
          throw new TypeError('a bug');
        }),
      )
      .buffer(BUFFER)
      .through('to_batch', toBatch())
      .forkTo({ sinks: [], deadLetters: collector('dead_letters').sink })
      .commitTo({ ack: () => [] });
    await expect(lastValueFrom(topology.run(), { defaultValue: undefined })).rejects.toThrow('a bug');
  });
});

describe('the nodes of a topology', () => {
  it('have unique names, because metrics, /ready and tests refer to them', () => {
    const stream = consume(sourceOf([]))
      .through('parse', parseValues(parseNumber))
      .buffer(BUFFER)
      .through('b', toBatch());
    const twice = stream.forkTo({
      sinks: [collector('a').sink, collector('b').sink],
      deadLetters: collector('d').sink,
    });
    expect(() => twice.commitTo({ ack: () => [] })).toThrow('two nodes of the topology have the name b');
  });

  it('lead from the last processor to the transaction when there is no database', () => {
    const transaction = {
      name: 'transaction',
      outputs: [{ name: 'out', target: { kind: 'topic', name: 'out_topic' } as const }],
      connect: async () => undefined,
      close: async () => undefined,
      commit: async () => [],
      admit: (origins: readonly Origin[]) => ({ now: new Set(origins), later: new Set<Origin>() }),
    };
    const topology = consume(sourceOf([]))
      .through('parse', parseValues(parseNumber))
      .buffer(BUFFER)
      .through('to_batch', toBatch())
      .forkTo({ sinks: [] })
      .commitIn(transaction);
    expect(topology.nodes.map(({ name, to }) => [name, to])).toEqual([
      ['orders', ['parse']],
      ['parse', ['buffer_time']],
      ['buffer_time', ['to_batch']],
      ['to_batch', ['commit_together']],
      ['commit_together', ['out']],
      ['out', []],
    ]);
  });
});
