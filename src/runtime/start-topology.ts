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
import { buildNodes, type NodeOptions, type Operations, type RunnableTopology } from '../../topology/build-nodes.ts';
import type { Output, Topology } from '../../topology/compose.ts';
import type { TopologyNode } from '../../topology/nodes.ts';
import { settingsOf } from '../../topology/outline.ts';
import type { PartialConfig } from '../config/config.ts';
import { DEFAULT_RETRY, type RetryPolicy, retryTransient } from '../operators/retry-transient.ts';
import { createBatchLog } from '../ops/batch-log.ts';
import { createOutageLog } from '../ops/outage-log.ts';

/** A started topology. After a failure, `supervise` starts a new one. */
export interface RunningTopology {
  readonly nodes: readonly TopologyNode[];
  /**
   * Resolves when the source has stopped and every batch in flight is acknowledged; rejects when the topology fails.
   */
  readonly done: Promise<void>;
  /** Stops consumption. `done` resolves when the batches in flight are acknowledged. */
  stop(): void;
  /** Commits the acknowledged records and releases all resources. */
  close(): Promise<void>;
}

/** What the service shares between restarts of its topology. */
export type ServiceOperations = Omit<Operations, 'batchLog'>;

/** Connects every output, with retries, and then starts consumption. */
export function startTopology(
  config: PartialConfig,
  operations: ServiceOperations,
  options: NodeOptions,
): RunningTopology {
  const { metrics, logger } = operations;
  const batchLog = createBatchLog(logger);
  const nodes = buildNodes(config, { ...operations, batchLog }, options);
  const retry: RetryPolicy = { ...DEFAULT_RETRY, ...createOutageLog(logger), onHeld: metrics.held.retried };
  const stop$ = new Subject<void>();
  const closed = new Subject<void>();
  let stopping = false;
  let consuming = false;
  const inFlight = () => nodes.unacked() - nodes.waiting();
  metrics.records.waiting(nodes.waiting);
  metrics.records.inFlight(inFlight);

  const input = metrics.input(config.input);
  let topology: Topology;
  try {
    topology = nodes.compose({
      ...settingsOf(config, inFlight),
      onBatch: (records, closedBySize) =>
        input.batchCreated(records >= config.input.batching.count ? 'count' : closedBySize ? 'size' : 'period'),
      onWaiting: (change) => batchLog.waiting(change),
      retry,
      parseEvents: metrics.records,
    });
  } catch (error) {
    return failedTopology(error, nodes);
  }
  const consume$ = defer(() => {
    consuming = true;
    return topology.run();
  }).pipe(
    tap((batch) => {
      input.latency(batch.durationMs);
      batchLog.acknowledged(batch);
    }),
  );

  const done = new Promise<void>((resolve, reject) => {
    concat(
      connectAll(topology.outputs, retry).pipe(takeUntil(stop$)),
      defer(() => (stopping ? EMPTY : consume$)),
    )
      .pipe(takeUntil(closed))
      .subscribe({ error: reject, complete: resolve });
  });
  done.catch(() => undefined);

  return {
    nodes: topology.nodes,
    done,
    stop() {
      stopping = true;
      stop$.next();
      if (consuming) void nodes.stop();
    },
    async close() {
      closed.next();
      await nodes.close();
    },
  };
}

/** A topology that failed while its function composed it: restarted as after any other failure. */
function failedTopology(error: unknown, nodes: Pick<RunnableTopology, 'close'>): RunningTopology {
  const done = Promise.reject(error);
  done.catch(() => undefined);
  return { nodes: [], done, stop: () => undefined, close: () => nodes.close() };
}

function connectAll(outputs: readonly Output[], retry: RetryPolicy): Observable<never> {
  return forkJoin(
    outputs.map((output) => defer(() => output.connect().then(() => true)).pipe(retryTransient(output.name, retry))),
  ).pipe(
    mergeMap(() => EMPTY),
    ignoreElements(),
  );
}
