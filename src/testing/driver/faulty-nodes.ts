import { SinkError } from '../../errors.ts';
import { withoutRejected } from '../../operators/fork-to.ts';
import type { HeaderReader, Sink, Transaction } from '../../ports.ts';
import { type Batch, type BatchRecord, type ConsumedRecord, rejectionOf, sourceOf } from '../../records/records.ts';
import { RefusedOutputs } from '../../records/refusals.ts';
import type { Faults } from './faults.ts';

/** Which records a sink rejects, by its name. */
export type Rejects = ReadonlyMap<string, (source: ConsumedRecord) => boolean>;

/** A sink whose writes can be held, failed and rejected. It is connected before its first write. */
export function faultySink<R extends BatchRecord>(sink: Sink<R>, faults: Faults, rejects: Rejects): Sink<R> {
  let connection: Promise<void> | undefined;
  /** A failed attempt is repeated at the next write, as the service repeats it. */
  async function connected(): Promise<void> {
    connection ??= sink.connect();
    const mine = connection;
    try {
      await mine;
    } catch (error) {
      if (connection === mine) connection = undefined;
      throw error;
    }
  }
  return {
    ...sink,
    write: (batch) =>
      faults.call(sink.name, async () => {
        await connected();
        const rejected = batch.grouped.filter((record) => rejects.get(sink.name)?.(sourceOf(record)) === true);
        if (rejected.length === 0) return await sink.write(batch);
        const more = await sink.write(await accepted(sink, batch, rejected));
        return [...rejected.map((record) => rejectionOf(record, byTheTest(sink.name))), ...more];
      }),
  };
}

/** What is left of a batch. A database stores the next greatest version of a key itself; a topic gets it from the fork. */
async function accepted<R extends BatchRecord>(
  { storesByVersion }: Sink<R>,
  batch: Batch<R>,
  rejected: readonly R[],
): Promise<Batch<R>> {
  if (storesByVersion === true)
    return await withoutRejected(batch, new Set(rejected.map((record) => sourceOf(record).origin)));
  return { ...batch, grouped: batch.grouped.filter((record) => !rejected.includes(record)) };
}

/** A transaction whose commits can be held and failed. It rejects records as Kafka's does when a topic refuses their output. */
export function faultyTransaction<R extends BatchRecord>(
  transaction: Transaction<R>,
  faults: Faults,
  rejects: Rejects,
): Transaction<R> {
  const { name } = transaction;
  return {
    ...transaction,
    commit: (batches) =>
      faults.call(name, async () => {
        const sources = batches.flatMap(({ grouped }) => grouped.map(sourceOf));
        const refused = sources.filter((source) => rejects.get(name)?.(source) === true);
        if (refused.length === 0) return await transaction.commit(batches);
        const poison = refused.map((source) => ({ kind: 'poison' as const, source, error: byTheTest(name) }));
        throw new RefusedOutputs(name, poison);
      }),
  };
}

function byTheTest(name: string): SinkError {
  return new SinkError(name, 'rejected', 'by the test');
}

/** The names of a reader's calls in `hold`, `release` and `fail`. */
export const READER = 'reader';
export const LOOKUPS = 'lookups';

/** A reader whose reads can be held and failed. */
export function faultyReader(reader: HeaderReader, faults: Faults): HeaderReader {
  const { stillMissing } = reader;
  return {
    read: (files) => faults.call(READER, () => reader.read(files)),
    stillMissing:
      stillMissing === undefined ? undefined : (paths) => faults.call(LOOKUPS, () => stillMissing.call(reader, paths)),
    rootOf: reader.rootOf?.bind(reader),
    close: () => reader.close(),
  };
}
