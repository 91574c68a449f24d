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
import type { GroupedBatch, GroupedRecord, Origin, PoisonRecord, Rejection, StoredBatch } from '../records/records.ts';
import { regroup, rowsNotIn } from './regroup.ts';
import { type RetryPolicy, retryTransient } from './retry-transient.ts';

/** The sinks of the fork. */
export interface Branches {
  /** The databases and topics. Every sink gets every batch. */
  readonly sinks: readonly Sink[];
  /** Gets the records that can never be processed. A batch is emitted after this sink has accepted them too. */
  readonly deadLetters: Sink;
}

/** How failed writes are retried. */
export interface ForkOptions {
  readonly retry: RetryPolicy;
}

/**
 * Writes each batch to every sink concurrently and emits it when all of them have accepted it. Transient failures are
 * retried per sink. Records that a sink rejects go to the dead letters; the rest of their batch is stored.
 */
export function forkTo(branches: Branches, options: ForkOptions): OperatorFunction<GroupedBatch, StoredBatch> {
  return mergeMap((batch) => store(batch, branches, options));
}

/**
 * Emits once, when every sink has stored the batch without its rejected records and these are dead-lettered. If a rejected record had
 * the greatest version of a key, the topics get the row of the next greatest version; no row is published twice. A database has already
 * stored that row.
 */
function store(batch: GroupedBatch, branches: Branches, options: ForkOptions): Observable<StoredBatch> {
  const { sinks, deadLetters } = branches;
  const all = batch.poison.length > 0 ? [...sinks, deadLetters] : sinks;
  return writeToAll(all, batch, branches, options.retry).pipe(
    concatMap((rejections) => afterRejections(rejections, batch, batch, branches, options)),
  );
}

/** `written`: the rows of `batch` that are written so far. */
function afterRejections(
  rejections: readonly Rejection[],
  batch: GroupedBatch,
  written: Pick<GroupedBatch, 'grouped'>,
  branches: Branches,
  options: ForkOptions,
): Observable<StoredBatch> {
  if (rejections.length === 0) return of(batch);
  const poison = rejections.map(({ file, error }): PoisonRecord => ({ kind: 'poison', source: file.source, error }));
  const rejected = new Set(rejections.map(({ file }) => file.source.origin));
  const { deadLetters } = branches;
  const publishing = branches.sinks.filter((sink) => sink.storesByVersion !== true);
  return writeToAll([deadLetters], { ...batch, grouped: [], poison }, branches, options.retry).pipe(
    concatMap(() => withoutRejected(batch, rejected)),
    concatMap((rest) => {
      const left: GroupedBatch = { ...rest, poison: [...batch.poison, ...poison] };
      const grouped = rowsNotIn(written.grouped, left.grouped);
      if (grouped.length === 0) return of(left);
      return writeToAll(publishing, { ...left, grouped, poison: [] }, branches, options.retry).pipe(
        concatMap((more) => {
          const all = { grouped: [...written.grouped, ...grouped] };
          return afterRejections(more, left, all, branches, options);
        }),
      );
    }),
  );
}

/** The batch without rejected records. The next greatest version of a key replaces a rejected one. */
export async function withoutRejected(batch: GroupedBatch, rejected: ReadonlySet<Origin>): Promise<GroupedBatch> {
  const keep = ({ file }: GroupedRecord) => !rejected.has(file.source.origin);
  const withAllRows = async () => ((await batch.withAllRows?.()) ?? batch.grouped).filter(keep);
  return { ...batch, grouped: await regroup(batch, keep), withAllRows };
}

interface Failure {
  readonly sink: string;
  readonly error: unknown;
}

type Outcome = { readonly rejections: readonly Rejection[] } | Failure;

/** Waits for every sink even if one fails: a write must not continue after its batch has failed. */
function writeToAll(
  sinks: readonly Sink[],
  batch: GroupedBatch,
  { deadLetters }: Branches,
  policy: RetryPolicy,
): Observable<readonly Rejection[]> {
  if (sinks.length === 0) return of([]);
  return forkJoin(
    sinks.map((sink) =>
      defer(() => sink.write(batch)).pipe(
        retryTransient(sink.name, policy, recordsOf(batch, sink === deadLetters)),
        map((rejections): Outcome => ({ rejections })),
        catchError((error: unknown) => of<Outcome>({ sink: sink.name, error })),
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

function recordsOf({ origins, poison }: GroupedBatch, toDeadLetters: boolean): RetriedRecords {
  if (!toDeadLetters) return { reason: 'sink_retry', origins };
  return { reason: 'dead_letter_retry', origins: poison.map(({ source }) => source.origin) };
}

/** One dead letter per record, even when several sinks reject it. */
function firstPerRecord(rejections: readonly Rejection[]): readonly Rejection[] {
  return [...new Map(rejections.toReversed().map((rejection) => [rejection.file.source.origin, rejection])).values()];
}
