import { tap } from 'rxjs';
import type { Source } from '../../topology/nodes.ts';
import type { InputConfig } from '../config/config.ts';
import { lagsOf } from '../kafka/lag.ts';
import type { SourceEvents } from '../kafka/source.ts';
import type { Health } from './health.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** What the source tells, as metrics, readiness and log lines. */
export function sourceEvents(input: InputConfig, metrics: Metrics, health: Health, logger: Logger): SourceEvents {
  const counts = metrics.input(input);
  const status = health.component(input);
  let up = false;
  const isUp = () => {
    if (up) return;
    up = true;
    counts.connectionUp();
    status.connected();
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
      logger.warn({ detail }, 'Kafka is not reachable, trying again');
    },
    received(records) {
      counts.received(records);
      // librdkafka reconnects silently: records are the sign that it did.
      isUp();
    },
    assigned(partitions) {
      isUp();
      logger.info({ partitions: partitions.map(nameOfPartition) }, 'partitions assigned');
    },
    revoked(partitions, lost, unacked) {
      metrics.records.released(unacked);
      for (const { topic, partition } of partitions) counts.lagGone(topic, partition);
      logger.info({ partitions: partitions.map(nameOfPartition), lost, unacked }, 'partitions revoked');
    },
    committed: isUp,
    commitFailed: (detail) => logger.warn({ detail }, 'offsets not committed, trying again'),
    statistics(statistics) {
      for (const { topic, partition, lag } of lagsOf(statistics)) counts.lag(topic, partition, lag);
    },
  };
}

function nameOfPartition({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
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
