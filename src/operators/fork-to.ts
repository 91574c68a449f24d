import {
  catchError,
  concatMap,
  defer,
  forkJoin,
  from,
  map,
  mergeMap,
  type Observable,
  type OperatorFunction,
  of,
} from 'rxjs';
import type { Sink } from '../ports.ts';
import type { GroupedBatch, ParsedRecord, PoisonRecord, Rejection, StoredBatch } from '../records/records.ts';
import { type RetryPolicy, retryTransient } from './retry-transient.ts';

export interface Branches {
  /** Databases and topics: each gets every batch. */
  readonly sinks: readonly Sink[];
  /** Takes what can never be processed; its acknowledgement counts like any other's. */
  readonly deadLetters: Sink;
}

export interface ForkOptions {
  readonly retry: RetryPolicy;
  /**
   * Groups a batch again without the records that a sink rejected: a record that had won its key may have been the bad one, and the
   * next best of the batch must take its place.
   */
  readonly regroup: (records: readonly ParsedRecord[]) => Promise<GroupedBatch>;
}

/**
 * Writes each batch to every sink at once and lets it pass when all of them have accepted it. Transient failures are retried per sink;
 * records that a sink can never accept go to the dead letters, the rest of their batch is stored.
 */
export function forkTo(branches: Branches, options: ForkOptions): OperatorFunction<GroupedBatch, StoredBatch> {
  return mergeMap((batch) => store(batch, branches, options));
}

/** Emits once, when everyone has the batch: what is left of it is in the sinks, what they rejected is in the dead-letter topic. */
function store(batch: GroupedBatch, branches: Branches, options: ForkOptions): Observable<StoredBatch> {
  const { sinks, deadLetters } = branches;
  const everyone = batch.poison.length > 0 ? [...sinks, deadLetters] : sinks;
  return writeToAll(everyone, batch, options.retry).pipe(
    concatMap((rejections) => {
      if (rejections.length === 0) return of(batch);
      const poison = rejections.map(
        ({ file, error }): PoisonRecord => ({ kind: 'poison', source: file.source, error }),
      );
      return writeToAll([deadLetters], { ...batch, grouped: [], poison }, options.retry).pipe(
        concatMap(() => storeRest(batch, poison, branches, options)),
      );
    }),
  );
}

function storeRest(
  batch: GroupedBatch,
  rejected: readonly PoisonRecord[],
  branches: Branches,
  options: ForkOptions,
): Observable<StoredBatch> {
  const gone = new Set(rejected.map((record) => record.source.origin));
  const rest = batch.grouped.map((record) => record.file).filter((file) => !gone.has(file.source.origin));
  const stored$: Observable<Pick<StoredBatch, 'grouped' | 'poison'>> =
    rest.length === 0
      ? of({ grouped: [], poison: [] })
      : from(options.regroup(rest)).pipe(concatMap((again) => store(again, branches, options)));
  return stored$.pipe(
    map(({ grouped, poison }) => ({ ...batch, grouped, poison: [...batch.poison, ...rejected, ...poison] })),
  );
}

interface Failure {
  readonly sink: string;
  readonly error: unknown;
}

type Outcome = { readonly rejections: readonly Rejection[] } | Failure;

/** Waits for every sink, the failing ones too: a sibling that still writes must not outlive its batch. */
function writeToAll(
  sinks: readonly Sink[],
  batch: GroupedBatch,
  policy: RetryPolicy,
): Observable<readonly Rejection[]> {
  if (sinks.length === 0) return of([]);
  return forkJoin(
    sinks.map((sink) =>
      defer(() => sink.write(batch)).pipe(
        retryTransient(sink.name, policy),
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
          `not stored by ${failures.map((failure) => failure.sink).join(', ')}`,
        );
      }
      return firstPerRecord(outcomes.flatMap((outcome) => ('rejections' in outcome ? outcome.rejections : [])));
    }),
  );
}

/** Two sinks may reject the same record; it is one dead letter. */
function firstPerRecord(rejections: readonly Rejection[]): readonly Rejection[] {
  return [...new Map(rejections.toReversed().map((rejection) => [rejection.file.source.origin, rejection])).values()];
}
