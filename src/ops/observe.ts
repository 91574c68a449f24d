/** Nodes with a counter in front: each wrapper is the same port again, so the graph doesn't know whether it is watched. */
import type { HeaderReader, Sink } from '../../topology/nodes.ts';
import { DicomReadError, ParseError, SinkError } from '../errors.ts';
import type { GroupedBatch, PoisonRecord } from '../records/records.ts';
import type { ComponentHealth } from './health.ts';
import type { OutputMetrics, ProcessorMetrics } from './metrics.ts';
import type { RecordLedger } from './record-ledger.ts';

export interface SinkObservation {
  readonly metrics: OutputMetrics;
  readonly health: ComponentHealth;
  /** How many records of the batch concern this sink. */
  readonly recordsOf: (batch: GroupedBatch) => number;
}

/** Counts what a sink makes durable, times it, and tells whether it is connected: by its last write, not by its first connect. */
export function observeSink(sink: Sink, { metrics, health, recordsOf }: SinkObservation): Sink {
  let up = false;
  const succeeded = () => {
    if (up) return;
    up = true;
    metrics.connectionUp();
    health.connected();
  };
  const failed = (error: unknown, connecting: boolean) => {
    if (connecting) metrics.connectionFailed();
    else metrics.error();
    if (!(error instanceof SinkError) || error.code === 'conflict' || error.code === 'rejected') return;
    if (up) metrics.connectionLost();
    up = false;
    health.failed(error.detail);
  };
  return {
    name: sink.name,
    async connect() {
      try {
        await sink.connect();
        succeeded();
      } catch (error) {
        failed(error, true);
        throw error;
      }
    },
    async write(batch) {
      const begun = performance.now();
      try {
        const rejections = await sink.write(batch);
        succeeded();
        metrics.sent(recordsOf(batch));
        metrics.latency(performance.now() - begun);
        return rejections;
      } catch (error) {
        failed(error, false);
        throw error;
      }
    },
    close: () => sink.close(),
  };
}

/** Enters every acknowledged dead letter into the ledger, by the code of its error. */
export function recordDeadLetters(sink: Sink, ledger: RecordLedger): Sink {
  return {
    name: sink.name,
    connect: () => sink.connect(),
    async write(batch) {
      const rejections = await sink.write(batch);
      for (const record of batch.poison) ledger.deadLettered(codeOf(record));
      return rejections;
    },
    close: () => sink.close(),
  };
}

function codeOf({ error }: PoisonRecord): string {
  if (error instanceof DicomReadError || error instanceof ParseError || error instanceof SinkError) return error.code;
  return 'unknown';
}

/** Counts the files whose headers were read, those that could not be, and the time it took. */
export function observeReader(reader: HeaderReader, metrics: ProcessorMetrics): HeaderReader {
  return {
    async read(files) {
      const begun = performance.now();
      metrics.received(files.length);
      const headers = await reader.read(files);
      metrics.sent(headers.states.length + headers.images.length);
      if (headers.failures.length > 0) metrics.error(headers.failures.length);
      metrics.latency(performance.now() - begun);
      return headers;
    },
    close: () => reader.close(),
  };
}
