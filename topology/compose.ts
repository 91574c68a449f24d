/**
 * Composes a topology: `consume(source).through(…).forkTo(…).commitTo(…)`. Each step adds its nodes, so `describe` prints the graph that
 * runs. The operators do the work; this file only connects them.
 */
import {
  defer,
  finalize,
  type MonoTypeOperatorFunction,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
  Subject,
  tap,
} from 'rxjs';
import { acknowledgeRecords } from '../src/operators/acknowledge-records.ts';
import { commitTogether } from '../src/operators/commit-together.ts';
import { type Branches, forkTo } from '../src/operators/fork-to.ts';
import { holdRefused } from '../src/operators/hold-refused.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../src/operators/retry-transient.ts';
import type { Offsets, Sink, Source, Transaction } from '../src/ports.ts';
import type { AcknowledgedBatch, Batch, BatchRecord, ConsumedRecord, Origin } from '../src/records/records.ts';
import { type BufferOptions, bufferOperator } from './buffer.ts';
import { atLeastOnceNodes, exactlyOnceNodes, type TopologyNode } from './nodes.ts';

/** A complete topology: its nodes as data, and the observable that runs them. */
export interface Topology {
  /** In the order of processing. Names are unique. */
  readonly nodes: readonly TopologyNode[];
  readonly source: Source;
  /** The sinks, the dead-letter sink and the transaction. They are to be connected before consumption starts. */
  readonly outputs: readonly Output[];
  /**
   * Subscribing starts consumption. Completes when the source has completed and every batch in flight is acknowledged; records that wait
   * for a file or for the dead-letter topic stay unacknowledged. Errors on a failure that a retry can't resolve.
   */
  run(): Observable<AcknowledgedBatch>;
  /** The same topology with other outputs, e.g. ones that measure, delay or fail. */
  mapOutputs(map: OutputMap): Topology;
}

/** A node that a topology writes to. */
export type Output = Pick<Sink, 'name' | 'connect' | 'close'>;

/** Returns the output to use instead of each output. */
export interface OutputMap {
  /** Called for each sink and for the dead-letter sink. */
  sink<R extends BatchRecord>(sink: Sink<R>): Sink<R>;
  /** Called for the transaction of an exactly-once topology. */
  transaction<R extends BatchRecord>(transaction: Transaction<R>): Transaction<R>;
}

/** How failed writes are retried. */
export interface ForkOptions {
  /** Replaces fields of the default: after 100 ms first, then less often, down to every 5 s; without a limit on attempts. */
  readonly retry?: Partial<RetryPolicy>;
  /** The clock of the retries; tests pass a virtual one. */
  readonly scheduler?: SchedulerLike;
}

/** Begins a topology with the records of a source. */
export function consume(source: Source): Stream<ConsumedRecord> {
  return new Stream(source, [], source.records$, new Subject());
}

/** The beginning of a topology, up to a processor that emits items of type `T`. */
export class Stream<T> {
  readonly #source: Source;
  readonly #processors: readonly string[];
  readonly #items$: Observable<T>;
  readonly #acknowledged$: Subject<void>;

  constructor(source: Source, processors: readonly string[], items$: Observable<T>, acknowledged$: Subject<void>) {
    this.#source = source;
    this.#processors = processors;
    this.#items$ = items$;
    this.#acknowledged$ = acknowledged$;
  }

  /**
   * Adds a processor: any RxJS operator, with the name that `describe` prints. The origin of each consumed record must reach the fork in
   * the `origins` of exactly one batch. A record that an operator drops is never acknowledged and holds back its partition's offset. An
   * operator that changes rows must also change those of `withAllRows`, as `mapRecords` does: they replace rows of removed and rejected records.
   */
  through<U>(name: string, operator: OperatorFunction<T, U>): Stream<U> {
    return new Stream(this.#source, [...this.#processors, name], this.#items$.pipe(operator), this.#acknowledged$);
  }

  /** Collects records into batches: RxJS's `bufferTime`, unless the options need another operator. */
  buffer<S extends { readonly source: ConsumedRecord }>(this: Stream<S>, options: BufferOptions): Stream<readonly S[]> {
    const { name, operator } = bufferOperator<S>(options, this.#source.waiting, this.#acknowledged$);
    return this.through(name, operator);
  }

  /**
   * Writes each batch to every sink concurrently (`src/operators/fork-to.ts`). With dead letters, the source commits the offsets: at least
   * once. With databases alone, a transaction publishes the batch and its dead letters and commits: exactly once.
   */
  forkTo<R extends BatchRecord>(this: Stream<Batch<R>>, branches: Branches<R>, options?: ForkOptions): Fork;
  forkTo<R extends BatchRecord>(
    this: Stream<Batch<R>>,
    databases: Pick<Branches<R>, 'sinks'>,
    options?: ForkOptions,
  ): TransactionalFork<R>;
  forkTo<R extends BatchRecord>(
    this: Stream<Batch<R>>,
    { sinks, deadLetters }: Pick<Branches<R>, 'sinks'> & Partial<Branches<R>>,
    { retry: changes, scheduler }: ForkOptions = {},
  ): Fork | TransactionalFork<R> {
    const retry: RetryPolicy = { ...DEFAULT_RETRY, ...changes, ...(scheduler === undefined ? {} : { scheduler }) };
    const beginning = { source: this.#source, processors: this.#processors, batches$: this.#items$ };
    const acknowledged = tap<AcknowledgedBatch>(() => this.#acknowledged$.next());
    if (deadLetters === undefined)
      return { commitIn: (transaction) => exactlyOnce({ ...beginning, sinks, transaction, retry, acknowledged }) };
    return { commitTo: (offsets) => atLeastOnce({ ...beginning, sinks, deadLetters, offsets, retry, acknowledged }) };
  }
}

/** A topology that lacks its end. */
export interface Fork {
  /** Acknowledges the records of each batch after all sinks have stored it. The source commits: see `Offsets`. */
  commitTo(offsets: Offsets): Topology;
}

/** A topology that lacks its end. */
export interface TransactionalFork<R extends BatchRecord> {
  /** Publishes each batch and commits its offsets in one transaction, after all databases have stored it. */
  commitIn(transaction: Transaction<R>): Topology;
}

interface Parts<R extends BatchRecord> {
  readonly source: Source;
  readonly processors: readonly string[];
  readonly batches$: Observable<Batch<R>>;
  readonly sinks: readonly Sink<R>[];
  readonly retry: RetryPolicy;
  readonly acknowledged: MonoTypeOperatorFunction<AcknowledgedBatch>;
}

function atLeastOnce<R extends BatchRecord>(
  parts: Parts<R> & { readonly deadLetters: Sink<R>; readonly offsets: Offsets },
): Topology {
  const { source, processors, batches$, sinks, deadLetters, offsets, retry, acknowledged } = parts;
  const outputs = [...sinks, deadLetters];
  return {
    source,
    nodes: atLeastOnceNodes(source, processors, outputs),
    outputs,
    run: () =>
      defer(() => {
        const isWanted = (origin: Origin) => source.waiting.isWanted({ origin });
        const held = holdRefused(deadLetters, offsets, retry, isWanted);
        return batches$.pipe(
          forkTo({ sinks, deadLetters: held.deadLetters }, { retry, isWanted }),
          acknowledgeRecords(held.offsets),
          acknowledged,
          finalize(() => held.stop()),
        );
      }),
    mapOutputs: ({ sink }) => atLeastOnce({ ...parts, sinks: sinks.map(sink), deadLetters: sink(deadLetters) }),
  };
}

function exactlyOnce<R extends BatchRecord>(parts: Parts<R> & { readonly transaction: Transaction<R> }): Topology {
  const { source, processors, batches$, sinks, transaction, retry, acknowledged } = parts;
  return {
    source,
    nodes: exactlyOnceNodes(source, processors, sinks, transaction),
    outputs: [...sinks, transaction],
    run: () =>
      batches$.pipe(
        forkTo({ sinks, deadLetters: inTheTransaction() }, { retry }),
        commitTogether(transaction, retry),
        acknowledged,
      ),
    mapOutputs: (map) =>
      exactlyOnce({ ...parts, sinks: sinks.map(map.sink), transaction: map.transaction(transaction) }),
  };
}

/** The transaction publishes the dead letters, so the fork has nothing to write. */
function inTheTransaction<R extends BatchRecord>(): Sink<R> {
  return {
    name: 'transaction',
    connect: async () => undefined,
    write: async () => [],
    close: async () => undefined,
  };
}
