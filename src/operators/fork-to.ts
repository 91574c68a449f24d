import {
  catchError,
  concatMap,
  defer,
  forkJoin,
  map,
  mergeMap,
  type Observable,
  type OperatorFunction,
  of,
} from 'rxjs';
import type { RetriedRecords, Sink } from '../ports.ts';
import {
  type Batch,
  type BatchRecord,
  type Origin,
  type PoisonRecord,
  type Rejection,
  sourceOf,
} from '../records/records.ts';
import { regroup, rowsNotIn } from './regroup.ts';
import { type RetryPolicy, retryTransient } from './retry-transient.ts';

/** The sinks of the fork. */
export interface Branches<R extends BatchRecord> {
  /** The databases and topics. Every sink gets every batch. */
  readonly sinks: readonly Sink<R>[];
  /** Gets the records that can never be processed. A batch is emitted after this sink has accepted them too. */
  readonly deadLetters: Sink<R>;
}

/** How failed writes are retried. */
export interface ForkToOptions {
  readonly retry: RetryPolicy;
  /**
   * Whether a record is still to be stored [always]. A batch that a sink can't store for now is dropped when none of its records is:
   * otherwise the batches of each rebalance during an outage would stay in memory until its end.
   */
  readonly isWanted?: (origin: Origin) => boolean;
}

/**
 * Writes each batch to every sink concurrently and emits it when all of them have accepted it. Transient failures are
 * retried per sink. Records that a sink rejects go to the dead letters; the rest of their batch is stored.
 */
export function forkTo<R extends BatchRecord>(
  branches: Branches<R>,
  options: ForkToOptions,
): OperatorFunction<Batch<R>, Batch<R>> {
  return mergeMap((batch) => store(batch, branches, options));
}

/**
 * Emits once, when every sink has stored the batch without its rejected records and these are dead-lettered. If a rejected record had
 * the greatest version of a key, the topics get the row of the next greatest version; no row is published twice. A database has already
 * stored that row.
 */
function store<R extends BatchRecord>(
  batch: Batch<R>,
  branches: Branches<R>,
  options: ForkToOptions,
): Observable<Batch<R>> {
  const { sinks, deadLetters } = branches;
  const all = batch.poison.length > 0 ? [...sinks, deadLetters] : sinks;
  return writeToAll(all, batch, branches, options).pipe(
    concatMap((rejections) => afterRejections(rejections, batch, batch, branches, options)),
  );
}

/** `written`: the rows of `batch` that are written so far. */
function afterRejections<R extends BatchRecord>(
  rejections: readonly Rejection<R>[],
  batch: Batch<R>,
  written: Pick<Batch<R>, 'grouped'>,
  branches: Branches<R>,
  options: ForkToOptions,
): Observable<Batch<R>> {
  if (rejections.length === 0) return of(batch);
  const poison = rejections.map(
    (each): PoisonRecord => ({ kind: 'poison', source: sourceOf(each), error: each.error }),
  );
  const rejected = new Set(poison.map(({ source }) => source.origin));
  const { deadLetters } = branches;
  const publishing = branches.sinks.filter((sink) => sink.storesByVersion !== true);
  return writeToAll([deadLetters], { ...batch, grouped: [], poison }, branches, options).pipe(
    concatMap(() => withoutRejected(batch, rejected)),
    concatMap((rest) => {
      const left: Batch<R> = { ...rest, poison: [...batch.poison, ...poison] };
      const grouped = rowsNotIn(written.grouped, left.grouped);
      if (grouped.length === 0) return of(left);
      return writeToAll(publishing, { ...left, grouped, poison: [] }, branches, options).pipe(
        concatMap((more) => {
          const all = { grouped: [...written.grouped, ...grouped] };
          return afterRejections(more, left, all, branches, options);
        }),
      );
    }),
  );
}

/** The batch without rejected records. The next greatest version of a key replaces a rejected one. */
export async function withoutRejected<R extends BatchRecord>(
  batch: Batch<R>,
  rejected: ReadonlySet<Origin>,
): Promise<Batch<R>> {
  const keep = (record: R) => !rejected.has(sourceOf(record).origin);
  const withAllRows = async () => ((await batch.withAllRows?.()) ?? batch.grouped).filter(keep);
  return { ...batch, grouped: await regroup(batch, keep), withAllRows };
}

interface Failure {
  readonly sink: string;
  readonly error: unknown;
}

type Outcome<R extends BatchRecord> = { readonly rejections: readonly Rejection<R>[] } | Failure;

/**
 * Waits for every sink even if one fails: a write must not continue after its batch has failed. Completes without a value when the batch is
 * dropped.
 */
function writeToAll<R extends BatchRecord>(
  sinks: readonly Sink<R>[],
  batch: Batch<R>,
  { deadLetters }: Branches<R>,
  { retry, isWanted = () => true }: ForkToOptions,
): Observable<readonly Rejection<R>[]> {
  if (sinks.length === 0) return of([]);
  const isAnyWanted = () => batch.origins.some(isWanted);
  return forkJoin(
    sinks.map((sink) =>
      defer(() => sink.write(batch)).pipe(
        retryTransient(sink.name, retry, recordsOf(batch, sink === deadLetters), isAnyWanted),
        map((rejections): Outcome<R> => ({ rejections })),
        catchError((error: unknown) => of<Outcome<R>>({ sink: sink.name, error })),
      ),
    ),
  ).pipe(
    map((outcomes) => {
      const failures = outcomes.filter((outcome) => 'error' in outcome);
      if (failures.length > 0) {
        throw new AggregateError(
          failures.map((failure) => failure.error),
          `batch not stored by ${failures.map((failure) => failure.sink).join(', ')}`,
        );
      }
      return firstPerRecord(outcomes.flatMap((outcome) => ('rejections' in outcome ? outcome.rejections : [])));
    }),
  );
}

function recordsOf({ origins, poison }: Batch<BatchRecord>, toDeadLetters: boolean): RetriedRecords {
  if (!toDeadLetters) return { reason: 'sink_retry', origins };
  return { reason: 'dead_letter_retry', origins: poison.map(({ source }) => source.origin) };
}

/** One dead letter per record, even when several sinks reject it. */
function firstPerRecord<R extends BatchRecord>(rejections: readonly Rejection<R>[]): readonly Rejection<R>[] {
  return [...new Map(rejections.toReversed().map((each) => [sourceOf(each).origin, each])).values()];
}
