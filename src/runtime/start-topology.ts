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
import { DEFAULT_RETRY, type RetryPolicy, retryTransient } from '../operators/retry-transient.ts';
import { createBatchLog } from '../ops/batch-log.ts';
import { createOutageLog } from '../ops/outage-log.ts';
import type { Sink } from '../ports.ts';

/** One life of the graph: from building its nodes to its end or its break. */
export interface RunningTopology {
  /** Resolves when the source was stopped and everything it emitted is acked; rejects when the graph breaks. */
  readonly done: Promise<void>;
  /** Ends the intake; `done` resolves when the rest is through. */
  stop(): void;
  /** Lets go of everything, commits what was acked. */
  close(): Promise<void>;
}

/** What the service shares between the lives of its topology. */
export type ServiceOperations = Omit<Operations, 'batchLog'>;

/** Connects every output, for as long as it takes, and only then begins to take records. */
export function startTopology(config: Config, operations: ServiceOperations, options: NodeOptions): RunningTopology {
  const { metrics, logger } = operations;
  const batchLog = createBatchLog(logger);
  const graph = buildNodes(config, { ...operations, batchLog }, options);
  const retry: RetryPolicy = { ...DEFAULT_RETRY, ...createOutageLog(logger) };
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
      onBatch: (records) => input.batchCreated(records >= config.input.batching.count ? 'count' : 'period'),
      onWaiting: (change) => {
        waiting += change;
        batchLog.waiting(change);
      },
      retry,
      parseEvents: metrics.records,
    });
  }).pipe(
    tap((batch) => {
      input.latency(batch.durationMs);
      batchLog.acknowledged(batch);
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

function connectAll(outputs: readonly Pick<Sink, 'name' | 'connect'>[], retry: RetryPolicy): Observable<never> {
  return forkJoin(
    outputs.map((sink) => defer(() => sink.connect().then(() => true)).pipe(retryTransient(sink.name, retry))),
  ).pipe(
    mergeMap(() => EMPTY),
    ignoreElements(),
  );
}
