import { tap } from 'rxjs';
import type { InputConfig } from '../config/config.ts';
import { partitionName } from '../kafka/client/client.ts';
import type { SourceEvents } from '../kafka/consumer/events.ts';
import type { Source } from '../ports.ts';
import type { BatchLog } from './batch-log.ts';
import type { Health } from './health.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { seconds } from './outage-log.ts';

/** The client says so several times a second while it lasts. */
const REPEAT_AFTER_MS = 30_000;

export interface SourceOperations {
  readonly metrics: Metrics;
  readonly health: Health;
  readonly logger: Logger;
  readonly batchLog: BatchLog;
}

/** Turns the source's events into metrics, readiness and log lines. */
export function sourceEvents(
  input: InputConfig,
  { metrics, health, logger, batchLog }: SourceOperations,
): SourceEvents {
  const counts = metrics.input(input);
  const status = health.component(input);
  let up = false;
  let logged = { detail: '', at: 0 };
  let outage: { readonly since: number; errors: number } | undefined;
  const isUp = () => {
    if (up) return;
    up = true;
    counts.connectionUp();
    status.connected();
    if (outage === undefined) return;
    const ms = Math.round(performance.now() - outage.since);
    logger.info({ ms, errors: outage.errors }, `Kafka connected again after ${seconds(ms)}, ${outage.errors} errors`);
    outage = undefined;
  };
  return {
    connected() {
      isUp();
      logger.info({ topics: input.topics, group: input.consumerGroup }, 'connected to Kafka');
    },
    disconnected(detail) {
      if (up) counts.connectionLost();
      else counts.connectionFailed();
      up = false;
      status.failed(detail);
      const now = performance.now();
      outage ??= { since: now, errors: 0 };
      outage.errors++;
      if (detail === logged.detail && now - logged.at < REPEAT_AFTER_MS) return;
      logged = { detail, at: now };
      logger.warn({ detail }, 'Kafka is not reachable, trying again');
    },
    reachable() {
      // Another sign, where no records come. What a broker itself has refused (ERR_…), a mere connection doesn't mend.
      if (!/^ERR_[A-Z]/.test(logged.detail)) isUp();
    },
    received(records) {
      counts.received(records);
      // librdkafka reconnects silently: records are a sign that it did.
      isUp();
    },
    assigned(partitions) {
      isUp();
      logger.info({ partitions: partitions.map(partitionName) }, 'partitions assigned');
    },
    acked: (origins) => metrics.records.acked(origins),
    released: (records) => metrics.records.released(records),
    revoked(partitions, lost, unacked) {
      for (const { topic, partition } of partitions) counts.lagGone(topic, partition);
      logger.info({ partitions: partitions.map(partitionName), lost, unacked }, 'partitions revoked');
    },
    committed(offsets) {
      isUp();
      batchLog.committed(offsets);
    },
    commitFailed: (detail) => logger.warn({ detail }, 'offsets not committed, trying again'),
    lags(lags) {
      for (const { topic, partition, lag } of lags) counts.lag(topic, partition, lag);
    },
  };
}

/** Enters every record into the ledger as it is handed to the graph. */
export function observeSource(source: Source, metrics: Metrics): Source {
  return {
    name: source.name,
    topics: source.topics,
    records$: source.records$.pipe(tap(() => metrics.records.consumed(1))),
    stop: () => source.stop(),
    close: () => source.close(),
  };
}
