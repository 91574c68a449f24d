import { tap } from 'rxjs';
import type { InputConfig } from '../config/config.ts';
import { partitionName } from '../kafka/client/types.ts';
import type { SourceEvents } from '../kafka/consumer/events.ts';
import type { SkipReason, UnusableMetadata } from '../kafka/consumer/start-offsets.ts';
import type { Source } from '../ports.ts';
import type { BatchLog } from './batch-log.ts';
import type { Health } from './health.ts';
import { describeInputProblem } from './input-problems.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { seconds } from './outage-log.ts';
import { RepeatedLog } from './repeated-log.ts';

/** How often a lasting problem is logged, in milliseconds. The source reports it several times a second. */
const REPEAT_AFTER_MS = 30_000;

/** Where the source's events are reported. */
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
  const problems = new RepeatedLog(REPEAT_AFTER_MS);
  const pauses = new RepeatedLog(REPEAT_AFTER_MS);
  const commitFailures = new RepeatedLog(REPEAT_AFTER_MS);
  let isUp = false;
  let hasIgnoredMetadata = false;
  let hasRefusedMetadata = false;
  let notReadySince = performance.now();
  const up = () => {
    if (isUp) return;
    isUp = true;
    counts.connectionUp();
  };
  return {
    connected() {
      up();
      logger.info({ topics: input.topics, group: input.consumerGroup }, 'connected to Kafka');
    },
    disconnected() {
      if (isUp) counts.connectionLost();
      else counts.connectionFailed();
      isUp = false;
    },
    reachable: up,
    readiness(problem) {
      if (problem === undefined) {
        status.connected();
        if (problems.clear()) {
          const ms = Math.round(performance.now() - notReadySince);
          logger.info({ ms }, `the input works again after ${seconds(ms)}`);
        }
        return;
      }
      if (problems.isClear()) notReadySince = performance.now();
      status.failed(problem);
      // Every start begins with this state.
      if (problem === 'joining_group' && problems.isClear()) return;
      problems.log(problem, () =>
        logger.warn({ detail: problem }, `${describeInputProblem(problem, input.consumerGroup)}, trying again`),
      );
    },
    received(records) {
      counts.received(records);
      // librdkafka has no event for a reconnect. Records prove that it is connected.
      up();
    },
    assigned(partitions, starts) {
      up();
      for (const { topic, partition } of partitions) counts.lag(topic, partition, undefined);
      const offsets = Object.fromEntries(starts.map((each) => [partitionName(each), each.offset]));
      logger.info({ partitions: partitions.map(partitionName), offsets }, 'partitions assigned');
    },
    moved(partition, reason, from, to, skipped) {
      counts.moved(reason, skipped);
      logger.warn({ partition: partitionName(partition), reason, from, to, skipped }, MOVED[reason]);
    },
    stalled({ topic, partition, offset, end }) {
      counts.stalled();
      logger.warn(
        { topic, partition, position: offset, end },
        `${partitionName({ topic, partition })} is not read although it has records: starting it again`,
      );
    },
    unowned(partitions) {
      logger.warn(
        { partitions: partitions.map(partitionName) },
        'partitions have no owner: leaving the group and joining it again',
      );
    },
    intake(pause) {
      if (pause === undefined) {
        if (pauses.clear()) logger.info('fewer records wait: consuming again');
      } else
        pauses.log(pause, () =>
          logger.warn({ limit: pause }, `consumption is paused: the waiting records have reached ${pause}`),
        );
    },
    alreadyDone: (records) => metrics.records.alreadyDone(records),
    unlisted: ({ topic, partition }, records) => counts.unlisted(topic, partition, records),
    metadataIgnored(partition, reason) {
      if (hasIgnoredMetadata) return;
      hasIgnoredMetadata = true;
      logger.warn(
        { partition: partitionName(partition), reason },
        `the metadata of the committed offset ${UNUSABLE[reason]}: the records acknowledged above it are processed again`,
      );
    },
    metadataRefused(maxBytes) {
      if (hasRefusedMetadata) return;
      hasRefusedMetadata = true;
      logger.warn(
        { max_bytes: maxBytes },
        "the broker refuses the size of the commit's metadata (offset.metadata.max.bytes): later commits carry less of it",
      );
    },
    acked: (origins) => metrics.records.acked(origins),
    released: (records) => metrics.records.released(records),
    revoked(partitions, lost, unacked) {
      for (const { topic, partition } of partitions) counts.lagGone(topic, partition);
      logger.info({ partitions: partitions.map(partitionName), lost, unacked }, 'partitions revoked');
    },
    committed(offsets) {
      up();
      commitFailures.clear();
      batchLog.committed(offsets);
    },
    commitFailed: (detail) =>
      commitFailures.log(detail, () => logger.warn({ detail }, 'offsets not committed, trying again')),
    lags(lags) {
      for (const { topic, partition, lag } of lags) counts.lag(topic, partition, lag);
    },
  };
}

const MOVED: Readonly<Record<SkipReason, string>> = {
  recreated: 'the topic was deleted and created again: consuming the new log from the beginning',
  retention: 'records were deleted before they were consumed: continuing at the log start offset',
  truncated: 'the log ends below the committed offset: consuming it from the beginning',
};

const UNUSABLE: Readonly<Record<UnusableMetadata, string>> = {
  foreign: 'is not from this program',
  damaged: 'is damaged or belongs to another offset',
  truncated: 'lists offsets beyond the end of the log',
};

/** Counts each record in the ledger when the source emits it. */
export function observeSource(source: Source, metrics: Metrics): Source {
  return {
    name: source.name,
    topics: source.topics,
    records$: source.records$.pipe(tap(() => metrics.records.consumed(1))),
    waiting: source.waiting,
    stop: () => source.stop(),
    close: () => source.close(),
  };
}
