import {
  concat,
  defer,
  EMPTY,
  forkJoin,
  ignoreElements,
  mergeMap,
  type Observable,
  Subject,
  takeUntil,
  tap,
} from 'rxjs';
import { buildNodes, type NodeOptions, type Operations } from '../../topology/build-nodes.ts';
import type { Config } from '../config/config.ts';
import { SinkError } from '../errors.ts';
import { DEFAULT_RETRY, type RetryPolicy, retryTransient } from '../operators/retry-transient.ts';
import type { Logger } from '../ops/logger.ts';
import type { Sink } from '../ports.ts';
import type { AcknowledgedBatch } from '../records/records.ts';

/** One life of the graph: from building its nodes to its end or its break. */
export interface RunningTopology {
  /** Resolves when the source was stopped and everything it emitted is acked; rejects when the graph breaks. */
  readonly done: Promise<void>;
  /** Ends the intake; `done` resolves when the rest is through. */
  stop(): void;
  /** Lets go of everything, commits what was acked. */
  close(): Promise<void>;
}

/** Connects every output, for as long as it takes, and only then begins to take records. */
export function startTopology(config: Config, operations: Operations, options: NodeOptions): RunningTopology {
  const { metrics, logger } = operations;
  const graph = buildNodes(config, operations, options);
  const retry: RetryPolicy = { ...DEFAULT_RETRY, onRetry: outageLog(logger) };
  const stop$ = new Subject<void>();
  const closed = new Subject<void>();
  let stopping = false;
  let consuming = false;
  let waiting = 0;
  metrics.records.waiting(() => waiting);
  metrics.records.inFlight(() => graph.unacked() - waiting);

  const input = metrics.input(config.input);
  const consume$ = defer(() => {
    consuming = true;
    return graph.run({
      batchCount: config.input.batching.count,
      batchPeriodMs: config.input.batching.periodMs,
      concurrency: config.group.concurrency,
      fileWaitMs: config.group.fileWaitMs,
      onWaiting: (change) => {
        waiting += change;
      },
      retry,
      parseEvents: metrics.records,
    });
  }).pipe(
    tap((batch) => {
      input.latency(batch.durationMs);
      input.batchCreated(batch.records >= config.input.batching.count ? 'count' : 'period');
      logCommitted(logger, batch);
    }),
  );

  const done = new Promise<void>((resolve, reject) => {
    concat(
      connectAll(graph.outputs, retry).pipe(takeUntil(stop$)),
      defer(() => (stopping ? EMPTY : consume$)),
    )
      .pipe(takeUntil(closed))
      .subscribe({ error: reject, complete: resolve });
  });
  done.catch(() => undefined);

  return {
    done,
    stop() {
      stopping = true;
      stop$.next();
      if (consuming) void graph.stop();
    },
    async close() {
      closed.next();
      await graph.close();
    },
  };
}

function connectAll(outputs: readonly Pick<Sink, 'connect'>[], retry: RetryPolicy): Observable<never> {
  return forkJoin(outputs.map((sink) => defer(() => sink.connect().then(() => true)).pipe(retryTransient(retry)))).pipe(
    mergeMap(() => EMPTY),
    ignoreElements(),
  );
}

const REPEAT_AFTER_MS = 30_000;

/** Many batches fail at once in an outage: each sink's is told of when it begins and every half minute after that. */
function outageLog(logger: Logger): NonNullable<RetryPolicy['onRetry']> {
  const told = new Map<string, number>();
  return (error, attempt, delayMs) => {
    const sink = error instanceof SinkError ? error.sink : 'unknown';
    const now = performance.now();
    if (now - (told.get(sink) ?? Number.NEGATIVE_INFINITY) < REPEAT_AFTER_MS) return;
    told.set(sink, now);
    const delay = Math.round(delayMs);
    logger.warn({ err: error, attempt, delay_ms: delay }, `${failureOf(error)}, retry in ${delay} ms`);
  };
}

const TRIED = { connect: 'connecting to', write: 'writing to', migrate: 'migrating' } as const;

/** What was tried, on what, and why it failed: `connecting to postgres failed (ECONNREFUSED 127.0.0.1:5432)`. */
function failureOf(error: unknown): string {
  if (!(error instanceof SinkError)) return 'writing failed';
  const { operation, sink, detail, address } = error;
  return `${TRIED[operation]} ${sink} failed (${address === undefined ? detail : `${detail} ${address}`})`;
}

/** The one line per batch: which offsets are done, and how many of what came out of them. */
function logCommitted(logger: Logger, batch: AcknowledgedBatch): void {
  if (!logger.isLevelEnabled('info')) return;
  logger.info(
    {
      partitions: batch.ranges,
      records: batch.records,
      states: batch.states,
      images: batch.images,
      dead_letters: batch.deadLetters,
      ms: Math.round(batch.durationMs * 10) / 10,
    },
    'batch committed',
  );
}
