/**
 * Group commit: batches that wait while every connection is busy share the next statement. This combines the latency of small batches
 * with the throughput of large ones.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SinkError } from '../errors.ts';
import type { Rejection } from '../records/records.ts';
import { BatchProgress, type BatchToStore } from './batch-progress.ts';
import type { DatabaseWriter } from './database-writer.ts';
import { HeldUpRows } from './held-up-rows.ts';
import { RefusalBreaker } from './refusal-breaker.ts';
import { hasAllRows, StatementError } from './statement-error.ts';
import { takeParts, type WaitingBatch, waitingBytes } from './statement-parts.ts';
import { StatementSize } from './statement-size.ts';
import { type SharedState, storeRecords } from './store-records.ts';

/** The connections and limits of the group commit. */
export interface GroupCommitOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  readonly writers: readonly DatabaseWriter[];
  /** Maximum number of records in one statement [2000]. */
  readonly maxRows?: number;
  /** Maximum size of the rows in one statement, in bytes [8 MiB]. A single record may exceed it. */
  readonly maxBytes?: number;
  /** Statement timeout in milliseconds [20000]. */
  readonly statementTimeoutMs?: number;
  /** Consecutive refusals for the same reason after which the database counts as out of order [20]. */
  readonly refusedInARow?: number;
  /** How long a refused record waits until another one is accepted, in milliseconds [10000]. */
  readonly holdMs?: number;
  /** Checks the tables; rejects with a SinkError `misconfigured` if the service can't use them [no check]. */
  readonly checkSchema?: () => Promise<void>;
  /** Another connection is used in addition to a busy one when this number of records waits [100], */
  readonly enoughRows?: number;
  /** or after this time, in milliseconds [50]. */
  readonly patienceMs?: number;
  /** For a database that wants few large statements: a statement starts when this number of bytes waits [1], */
  readonly lingerBytes?: number;
  /** or after its oldest batch has waited this long, in milliseconds [0: at once]. */
  readonly lingerMs?: number;
  /** How long close() waits for statements in progress, in milliseconds [1000]. */
  readonly drainMs?: number;
}

/** The write side of a database sink. */
export interface GroupCommit {
  /**
   * Resolves when every record of the batch is durable or at fault, to the latter. Rejects with a SinkError when the batch must be retried.
   * A retry with the same batch object continues where the failed attempt ended.
   */
  write(batch: BatchToStore): Promise<readonly Rejection[]>;
  /** Waits for the statements in progress, at most for `drainMs`, rejects the batches that still wait, and closes the connections. */
  close(): Promise<void>;
}

const MAX_ROWS = 2_000;
const MAX_BYTES = 8 * 1024 * 1024;
const STATEMENT_TIMEOUT_MS = 20_000;
const REFUSED_IN_A_ROW = 20;
const HOLD_MS = 10_000;
const DRAIN_MS = 1_000;
const ENOUGH_ROWS = 100;

/** Starts with all connections idle. */
export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const { name, writers, maxBytes = MAX_BYTES, enoughRows = ENOUGH_ROWS, patienceMs = 50 } = options;
  const { lingerBytes = 1, lingerMs = 0 } = options;
  const shared: SharedState = {
    breaker: new RefusalBreaker({
      name,
      limit: options.refusedInARow ?? REFUSED_IN_A_ROW,
      checkSchema: options.checkSchema ?? (async () => undefined),
      holdMs: options.holdMs ?? HOLD_MS,
    }),
    heldUp: new HeldUpRows(),
    size: new StatementSize(options.maxRows ?? MAX_ROWS, options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS),
  };
  const idle = [...writers];
  const running = new Set<Promise<void>>();
  const queue: WaitingBatch[] = [];
  // Only of batches whose last write failed: an entry for every batch would cost the garbage collector too much.
  const failed = new WeakMap<BatchToStore, BatchProgress>();
  let closed = false;
  let patience: NodeJS.Timeout | undefined;
  let lingering: NodeJS.Timeout | undefined;
  let probes = 0;

  // Two small concurrent statements cost more than one of twice the size. So another connection helps only when many records wait or
  // the busy connections are slow.
  function fillIdleWriters(): void {
    while (idle.length > 0 && waitingRows() > 0) {
      if (lingers()) return;
      if (idle.length < writers.length && waitingRows() < enoughRows) {
        patience ??= setTimeout(useAnotherWriter, patienceMs);
        return;
      }
      useIdleWriter();
    }
  }

  /** Whether the waiting batches are too few and too recent for a statement. Then a timer starts it later. */
  function lingers(): boolean {
    if (lingerMs === 0) return false;
    const waiting = queue.filter(({ running }) => !running);
    const leftMs = Math.min(...waiting.map(({ arrivedAt }) => arrivedAt)) + lingerMs - performance.now();
    if (leftMs <= 0 || waiting.reduce((bytes, batch) => bytes + waitingBytes(batch), 0) >= lingerBytes) return false;
    lingering ??= setTimeout(() => {
      lingering = undefined;
      fillIdleWriters();
    }, Math.ceil(leftMs));
    return true;
  }

  function useAnotherWriter(): void {
    patience = undefined;
    if (waitingRows() > 0 && !lingers()) useIdleWriter();
    fillIdleWriters();
  }

  function useIdleWriter(): void {
    const writer = idle.pop();
    if (writer === undefined) return;
    const statement = run(writer, takeParts(queue, { maxRows: shared.size.rows, maxBytes }));
    running.add(statement);
    void statement.finally(() => running.delete(statement));
  }

  function waitingRows(): number {
    return queue.reduce((rows, { files, running }) => rows + (running ? 0 : files.length), 0);
  }

  async function run(writer: DatabaseWriter, parts: ReturnType<typeof takeParts>): Promise<void> {
    try {
      const units = parts.flatMap(({ of: { progress }, files }) => files.map((file) => ({ progress, file })));
      const failures = await storeRecords(units, writer, shared);
      for (const part of parts) {
        const failure = failures.get(part.of.progress);
        if (failure === undefined) settle(part.of);
        else fail(part.of, failure);
      }
    } catch (error) {
      for (const part of parts) fail(part.of, error);
    } finally {
      idle.push(writer);
      if (!closed) fillIdleWriters();
    }
  }

  function isClosed(): SinkError {
    return new SinkError(name, 'unavailable', 'closed');
  }

  function settle(waiting: WaitingBatch): void {
    waiting.running = false;
    if (waiting.progress.done) waiting.resolve(waiting.progress.rejections);
    else if (closed) waiting.reject(isClosed());
  }

  // The caller retries the batch, which then writes the records that are left.
  function fail(waiting: WaitingBatch, error: unknown): void {
    waiting.running = false;
    const position = queue.indexOf(waiting);
    if (position >= 0) queue.splice(position, 1);
    if (waiting.progress.done) waiting.resolve(waiting.progress.rejections);
    else waiting.reject(error);
  }

  /**
   * While the database is out of order, tries one record, a different one each time. Rejects unless it is stored, with the reason that
   * applies now.
   */
  async function probe(progress: BatchProgress, outOfOrder: SinkError): Promise<void> {
    await progress.complete();
    const candidates = progress.pending.flatMap((file) => progress.recordOf(file) ?? []).filter(hasAllRows);
    const record = candidates[probes % candidates.length];
    const writer = idle.length === writers.length ? idle.pop() : undefined;
    if (record === undefined || writer === undefined) throw outOfOrder;
    probes++;
    try {
      const [rejection] = await writer.store([record]);
      if (rejection !== undefined) throw rejection.error;
      progress.stored(record.file);
      shared.breaker.accepted([record]);
    } catch (error) {
      if (!(error instanceof SinkError) || (error.code !== 'rejected' && error.code !== 'misconfigured')) throw error;
      // The first reason may have been fixed, and another one be left.
      throw await shared.breaker.outOfOrderFor(error instanceof StatementError ? error.reason : error.detail);
    } finally {
      idle.push(writer);
    }
  }

  async function write(batch: BatchToStore): Promise<readonly Rejection[]> {
    if (closed) throw isClosed();
    const progress = failed.get(batch) ?? new BatchProgress(batch);
    try {
      return await writeRest(progress);
    } catch (error) {
      failed.set(batch, progress);
      throw error;
    }
  }

  async function writeRest(progress: BatchProgress): Promise<readonly Rejection[]> {
    const { outOfOrder } = shared.breaker;
    if (outOfOrder !== undefined && !progress.done) await probe(progress, outOfOrder);
    if (progress.done) return progress.rejections;
    return new Promise((resolve, reject) => {
      const arrivedAt = performance.now();
      queue.push({ progress, files: [...progress.pending], running: false, arrivedAt, resolve, reject });
      fillIdleWriters();
    });
  }

  return {
    write,
    async close() {
      closed = true;
      clearTimeout(patience);
      clearTimeout(lingering);
      // A batch of which a part is in a statement settles with it.
      for (const waiting of queue.splice(0)) if (!waiting.running) waiting.reject(isClosed());
      const drained = new AbortController();
      const deadline = sleep(options.drainMs ?? DRAIN_MS, undefined, { signal: drained.signal }).catch(() => undefined);
      await Promise.race([Promise.all(running), deadline]);
      drained.abort();
      await Promise.all(writers.map((writer) => writer.close()));
    },
  };
}
