/** Wrappers that report metrics and health of nodes. Each implements the port of the node that it wraps. */

import { SinkError } from '../errors.ts';
import type { DeadLetterSink, HeaderReader, Sink, Transaction, WorkerLoss } from '../ports.ts';
import type { Batch, BatchRecord, GroupedRecord, PoisonRecord } from '../records/records.ts';
import { RefusedDeadLetters } from '../records/refusals.ts';
import type { ComponentHealth } from './health.ts';
import type { Logger } from './logger.ts';
import type { OutputMetrics, ProcessorMetrics } from './metrics.ts';
import { PendingWrites } from './pending-writes.ts';
import type { RecordLedger } from './record-ledger.ts';

/** Where a sink is observed. */
export interface SinkObservation<R extends BatchRecord = GroupedRecord> {
  readonly metrics: OutputMetrics;
  readonly health: ComponentHealth;
  /** The number of the batch's records that this sink stores. */
  readonly recordsOf: (batch: Batch<R>) => number;
  /** How long writes may be pending without any acknowledgement before the output isn't ready, in milliseconds [30000]. */
  readonly stalledAfterMs?: number | undefined;
  /** Called when that time has passed, and again after each further period. */
  readonly onStalled?: (pendingMs: number) => void;
  /** The clock in milliseconds. Default: `performance.now()`. */
  readonly now?: () => number;
}

/** How long every write may end in a conflict before the output isn't ready. A lock on a single row isn't an outage. */
const CONFLICTS_MS = 10_000;

const STALLED_AFTER_MS = 30_000;

/**
 * Measures what a sink stores, and tracks by its last connect or write whether it is connected. A sink isn't ready while its topic refuses
 * a dead letter, when all of its writes have ended in conflicts for CONFLICTS_MS, e.g. because a table is locked, or when it has
 * acknowledged nothing for `stalledAfterMs` although a write is pending.
 */
export function observeSink<R extends BatchRecord>(sink: Sink<R>, observation: SinkObservation<R>): Sink<R> {
  const { watchConnect, watchWrite, close } = watcher(observation);
  return {
    ...sink,
    connect: () => watchConnect(() => sink.connect()),
    // A write without records reaches no server, so it doesn't prove a connection.
    write: (batch) =>
      observation.recordsOf(batch) === 0 ? sink.write(batch) : watchWrite([batch], () => sink.write(batch)),
    close: () => {
      close();
      return sink.close();
    },
  };
}

/** Like `observeSink`, for the outputs of one transaction. Each counts its own records; they succeed or fail together. */
export function observeTransactions<R extends BatchRecord>(
  transactions: Transaction<R>,
  observations: readonly SinkObservation<R>[],
  ledger: RecordLedger,
): Transaction<R> {
  const watchers = observations.map(watcher);
  return {
    name: transactions.name,
    outputs: transactions.outputs,
    connect: () =>
      watchers.reduce(
        (connect, { watchConnect }) =>
          () =>
            watchConnect(connect),
        () => transactions.connect(),
      )(),
    async commit(batches) {
      for (const record of batches.flatMap((batch) => batch.poison))
        ledger.deadLetter(record.source.origin, record.error.code);
      return await watchers.reduce(
        (commit, { watchWrite }) =>
          () =>
            watchWrite(batches, commit),
        () => transactions.commit(batches),
      )();
    },
    admit: (origins) => transactions.admit(origins),
    close: () => {
      for (const { close } of watchers) close();
      return transactions.close();
    },
  };
}

function watcher<R extends BatchRecord>({
  metrics,
  health,
  recordsOf,
  stalledAfterMs = STALLED_AFTER_MS,
  onStalled,
  now = () => performance.now(),
}: SinkObservation<R>) {
  let up = false;
  let lastSuccess = Number.NEGATIVE_INFINITY;
  let conflictsSince: number | undefined;
  /** Dead letters that their topic has refused and not accepted since then, with the reason. */
  const refused = new Map<PoisonRecord, string>();
  const disconnected = (reason: string) => {
    if (up) metrics.connectionLost();
    up = false;
    health.failed(reason);
  };
  const stalled = (pendingMs: number) => {
    onStalled?.(pendingMs);
    // What a failed write has named says more.
    if (up) disconnected('no acknowledgement');
  };
  const pending = new PendingWrites(stalledAfterMs, stalled, now);
  const succeeded = (batches: readonly Batch<R>[] = []) => {
    lastSuccess = now();
    pending.acknowledged();
    conflictsSince = undefined;
    if (refused.size > 0) for (const record of batches.flatMap(({ poison }) => poison)) refused.delete(record);
    const [reason] = refused.values();
    // The sink isn't ready before the topic has accepted all refused dead letters.
    if (reason !== undefined) return health.failed(reason);
    if (up) return;
    up = true;
    metrics.connectionUp();
    health.connected();
  };
  /** `since`: when the call began. */
  const failed = (error: unknown, since: number) => {
    if (error instanceof RefusedDeadLetters) for (const record of error.poison) refused.set(record, error.detail);
    if (!(error instanceof SinkError) || error.code === 'rejected') return;
    if (error.code === 'conflict') {
      conflictsSince ??= Math.max(since, lastSuccess);
      if (now() - conflictsSince < CONFLICTS_MS) return;
    }
    disconnected(error.detail);
  };
  return {
    close: () => pending.close(),
    async watchConnect(connect: () => Promise<void>): Promise<void> {
      const since = now();
      try {
        await connect();
        succeeded();
      } catch (error) {
        metrics.connectionFailed();
        failed(error, since);
        throw error;
      }
    },
    async watchWrite<T>(batches: readonly Batch<R>[], write: () => Promise<T>): Promise<T> {
      const startedAt = performance.now();
      const since = now();
      const ended = pending.begin();
      try {
        const result = await write();
        succeeded(batches);
        for (const batch of batches) metrics.sent(recordsOf(batch));
        metrics.latency(performance.now() - startedAt);
        return result;
      } catch (error) {
        metrics.error();
        failed(error, since);
        throw error;
      } finally {
        ended();
      }
    },
  };
}

/** Reports dead-lettered records and their error codes to the ledger. */
export function recordDeadLetters(sink: DeadLetterSink, ledger: RecordLedger): DeadLetterSink {
  return {
    ...sink,
    async write(batch) {
      // Before the write: it may reject after some of them are written.
      for (const record of batch.poison) ledger.deadLetter(record.source.origin, record.error.code);
      return await sink.write(batch);
    },
  };
}

/** Counts and logs each reader thread that was replaced. */
export function reportWorkerLoss(metrics: ProcessorMetrics, logger: Logger): (reason: WorkerLoss) => void {
  return (reason) => {
    metrics.workerLost(reason);
    logger.warn({ reason }, 'reader thread lost, reading its batch again');
  };
}

/** Measures the header reader: files, rows, failures and latency; lookups of awaited files are not counted. */
export function observeReader(reader: HeaderReader, metrics: ProcessorMetrics): HeaderReader {
  return {
    async read(files) {
      const startedAt = performance.now();
      metrics.received(files.length);
      const headers = await reader.read(files);
      metrics.sent(headers.states.length + headers.images.length);
      const failures = headers.failures.filter(({ unfinished }) => unfinished !== true);
      if (failures.length > 0) metrics.error(failures.length);
      metrics.latency(performance.now() - startedAt);
      return headers;
    },
    stillMissing: reader.stillMissing?.bind(reader),
    rootOf: reader.rootOf?.bind(reader),
    close: () => reader.close(),
  };
}
