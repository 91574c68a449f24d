import { RdKafka } from '@confluentinc/kafka-javascript';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { consumerSettings, producerSettings } from '../../src/kafka/client/settings.ts';
import { lintText, MINIMAL, minimalWith, writeText } from './fixture.ts';

const INPUT: readonly (readonly [field: string, least: string, most: string])[] = [
  ['session_timeout', '1s', '1h'],
  ['rebalance_timeout', '1s', '24h'],
  ['commit_period', '1ms', '24h'],
  ['fetch_max_bytes', '1MB', '1GB'],
  ['fetch_max_partition_bytes', '1B', '1GB'],
  ['fetch_min_bytes', '1B', '100MB'],
  ['fetch_max_wait', '1ms', '5m'],
];
const OUTPUT: readonly (readonly [field: string, least: string, most: string])[] = [
  ['timeout', '1ms', '15m'],
  ['max_message_bytes', '1kB', '1GB'],
];
const GROUP = 'consumer_group: group';

function withInput(values: readonly string[]): string {
  // Half of the shortest session_timeout.
  return minimalWith([GROUP, [GROUP, 'heartbeat_interval: 500ms', ...values].join('\n    ')]);
}

function withOutput(values: readonly string[]): string {
  return minimalWith(['topic: states', ['topic: states', ...values].join('\n                    ')]);
}

describe('the Kafka client accepts', () => {
  it.each(INPUT)('the minimum and the maximum of %s, and lint nothing beyond', (field, least, most) => {
    for (const value of [least, most]) {
      const { input } = loadConfig(writeText(withInput([`${field}: ${value}`])), { env: {} });
      expect(() => new RdKafka.KafkaConsumer(consumerSettings(input, 'classic'), {})).not.toThrow();
    }
    expect(lintText(withInput([`${field}: ${most.replace(/\d+/, (digits) => `${digits}0`)}`]))).toHaveLength(1);
  });

  it.each(OUTPUT)('the minimum and the maximum of %s, and lint nothing beyond', (field, least, most) => {
    for (const value of [least, most]) {
      const { topics } = loadConfig(writeText(withOutput([`${field}: ${value}`])), { env: {} });
      expect(() => new RdKafka.Producer(producerSettings(topics.producer), {})).not.toThrow();
    }
    expect(lintText(withOutput([`${field}: ${most.replace(/\d+/, (digits) => `${digits}0`)}`]))).not.toEqual([]);
  });

  it('all defaults', () => {
    const { input, topics } = loadConfig(writeText(MINIMAL), { env: {} });
    expect(() => new RdKafka.KafkaConsumer(consumerSettings(input, 'classic'), {})).not.toThrow();
    expect(() => new RdKafka.Producer(producerSettings(topics.producer), {})).not.toThrow();
  });
});
