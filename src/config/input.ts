import type { z } from 'zod';
import { readComponent } from './component.ts';
import type { BatchingConfig, InputConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import {
  bool,
  byteSize,
  commaList,
  duration,
  mapping,
  nonEmptyText,
  oneOf,
  onlyDefault,
  text,
  wholeNumber,
} from './fields.ts';
import { kafkaConnectionFields, readKafkaConnection } from './kafka-connection.ts';

const batchingSchema = mapping({
  count: wholeNumber(1, 100_000).optional(),
  period: duration().optional(),
  flush_when_idle: bool().optional(),
  byte_size: byteSize('0B', '1GB').default(0),
  check: onlyDefault(''),
  processors: onlyDefault([]),
});

const unorderedProcessingSchema = mapping({
  enabled: bool().default(false),
  checkpoint_limit: wholeNumber(1, 1_000_000).default(1024),
  batching: batchingSchema.prefault({}),
}).prefault({});

// The bounds are librdkafka's: what passes here must not fail when the client is made.
const redpandaInputSchema = mapping({
  ...kafkaConnectionFields,
  topics: commaList(),
  regexp_topics: onlyDefault(false),
  regexp_topics_include: onlyDefault([]),
  regexp_topics_exclude: onlyDefault([]),
  consumer_group: nonEmptyText(),
  start_offset: oneOf(['earliest', 'latest', 'committed']).default('earliest'),
  transaction_isolation_level: oneOf(['read_uncommitted', 'read_committed']).default('read_uncommitted'),
  instance_id: text().default(''),
  rack_id: text().default(''),
  session_timeout: duration('1s', '1h').default(60_000),
  rebalance_timeout: duration('1s', '24h').default(45_000),
  heartbeat_interval: duration('1ms', '1h').default(3000),
  commit_period: duration('1ms', '24h').default(5000),
  fetch_max_bytes: byteSize('1MB', '1GB').default(50 * 1024 ** 2),
  fetch_max_partition_bytes: byteSize('1B', '1GB').default(1024 ** 2),
  fetch_min_bytes: byteSize('1B', '100MB').default(1),
  fetch_max_wait: duration('1ms', '5m').default(5000),
  partition_buffer_bytes: onlyDefault('1MB'),
  max_yield_batch_bytes: onlyDefault('32KB'),
  topic_lag_refresh_period: onlyDefault('5s'),
  unordered_processing: unorderedProcessingSchema,
  auto_replay_nacks: onlyDefault(true),
  timely_nacks_maximum_wait: onlyDefault(''),
  extract_tracing_map: onlyDefault(''),
});

/** Reads `input`: one `redpanda` component. */
export function readInput(document: ConfigDocument): InputConfig | undefined {
  const component = readComponent(document, ['input'], 'input', ['redpanda']);
  const fields = component && document.check(redpandaInputSchema, component.body);
  if (component === undefined || fields === undefined) return undefined;
  const at = (...path: (string | number)[]) => [...component.body, ...path];

  if (fields.heartbeat_interval * 2 > fields.session_timeout) {
    document.report(
      at('heartbeat_interval'),
      'expected at most half of session_timeout, so that one heartbeat may be lost',
    );
  }
  fields.topics.forEach((topic) => {
    if (topic.includes(':')) document.report(at('topics'), 'explicit partitions (topic:0) are not supported');
  });
  const { enabled, checkpoint_limit: checkpointLimit } = fields.unordered_processing;
  const batching = readBatching(fields.unordered_processing.batching, checkpointLimit);
  if (batching.count > checkpointLimit) {
    document.report(
      at('unordered_processing', 'batching', 'count'),
      'expected at most checkpoint_limit, else no batch is ever full',
    );
  }
  return {
    label: component.label,
    path: component.path,
    ...readKafkaConnection(document, component.body, fields),
    topics: fields.topics,
    consumerGroup: fields.consumer_group,
    startOffset: fields.start_offset,
    isolationLevel: fields.transaction_isolation_level,
    sessionTimeoutMs: fields.session_timeout,
    rebalanceTimeoutMs: fields.rebalance_timeout,
    heartbeatIntervalMs: fields.heartbeat_interval,
    commitPeriodMs: fields.commit_period,
    fetchMaxBytes: fields.fetch_max_bytes,
    fetchMaxPartitionBytes: fields.fetch_max_partition_bytes,
    fetchMinBytes: fields.fetch_min_bytes,
    fetchMaxWaitMs: fields.fetch_max_wait,
    ...(fields.instance_id === '' ? {} : { instanceId: fields.instance_id }),
    ...(fields.rack_id === '' ? {} : { rackId: fields.rack_id }),
    inOrder: !enabled,
    checkpointLimit,
    batching,
  };
}

/** Without count and period Redpanda Connect delivers every record immediately, so that no record may wait for a period here. */
function readBatching(
  { count, period, byte_size, flush_when_idle }: z.output<typeof batchingSchema>,
  checkpointLimit: number,
): BatchingConfig {
  return {
    count: count ?? Math.min(50, checkpointLimit),
    ...(byte_size === 0 ? {} : { byteSize: byte_size }),
    periodMs: period ?? 5000,
    flushWhenIdle: flush_when_idle ?? (count === undefined && period === undefined),
  };
}
