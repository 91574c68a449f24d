import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  consume,
  keepRecords,
  loadPartialConfig,
  ParseError,
  type Processed,
  parseValues,
  type Sink,
  startService,
  toBatch,
} from '../../src/index.ts';
import { createAdmin } from '../../src/kafka/admin/admin.ts';
import { createProducer } from '../../src/kafka/producer/producer.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { type EmbeddedBroker, readTopic, startBroker } from '../../src/testing/index.ts';

/** The input and the dead-letter topic: the topology uses no database, no file and no other topic of the configuration. */
const ORDERS = `
http: { address: "127.0.0.1:0" }
input:
  label: orders_in
  redpanda:
    seed_brokers: ["\${KAFKA_BROKERS}"]
    topics: [in]
    consumer_group: orders
    unordered_processing: { enabled: true, batching: { period: 50ms } }
output:
  reject_errored:
    broker:
      outputs:
        - switch:
            cases:
              - check: '@record_type == "dead_letter"'
                output:
                  label: dead_letter_topic
                  redpanda:
                    seed_brokers: ["\${KAFKA_BROKERS}"]
                    topic: dead
                    key: \${! @key }
                    metadata:
                      include_prefixes: ["__streams.errors."]
`;

/** A sink of orders in memory that says what is called. */
function orderSink() {
  const orders: number[] = [];
  const calls: string[] = [];
  const sink: Sink<Processed<number>> = {
    name: 'orders',
    connect: async () => void calls.push('connect'),
    write: async ({ grouped }) => {
      orders.push(...grouped.map(({ value }) => value));
      return [];
    },
    close: async () => void calls.push('close'),
  };
  return { sink, orders, calls };
}

function parseOrder(value: Buffer | null): number {
  const order = Number(value);
  if (Number.isNaN(order)) throw new ParseError('invalid_field', 'expected a number');
  return order;
}

describe('a service with a topology of one’s own', () => {
  let broker: EmbeddedBroker;
  const folder = mkdtempSync(join(tmpdir(), 'wado-own-topology-'));
  beforeAll(async () => {
    broker = await startBroker(['in', 'doubles', 'dead']);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await broker.close();
  });

  it('consumes records of another type, stores, publishes, dead-letters and commits them, without the other outputs', async () => {
    const kafka = { 'bootstrap.servers': broker.address };
    const file = join(folder, 'orders.yaml');
    writeFileSync(file, ORDERS);
    const config = loadPartialConfig(file, { env: { KAFKA_BROKERS: broker.address } });
    const { sink, orders, calls } = orderSink();
    const service = await startService(config, {
      logger: createLogger({ level: 'silent' }),
      topology: ({ source, deadLetters, offsets, topic }, settings) => {
        const doubles = topic('doubles', 'doubles', ({ value }: Processed<number>) => ({
          key: null,
          value: String(2 * value),
        }));
        return consume(source)
          .through('parse_orders', parseValues(parseOrder))
          .buffer(settings)
          .through('to_batch', toBatch())
          .through(
            'keep_small',
            keepRecords(({ value }) => value < 100),
          )
          .forkTo({ sinks: [sink, doubles], deadLetters }, settings)
          .commitTo(offsets);
      },
    });

    const producer = createProducer({ name: 'test', config: kafka, deadlineMs: 10_000 });
    await producer.send(['1', '2', 'x', '300'].map((value) => ({ topic: 'in', key: value, value })));
    await producer.close();
    await expect.poll(() => orders.toSorted(), { timeout: 30_000 }).toEqual([1, 2]);
    const ready = () => fetch(`${service.url}/ready?verbose`);
    await expect.poll(async () => (await ready()).status, { timeout: 10_000 }).toBe(200);
    const { statuses } = (await (await ready()).json()) as { readonly statuses: readonly { readonly label: string }[] };
    expect(statuses.map(({ label }) => label).sort()).toEqual(['dead_letter_topic', 'doubles', 'orders', 'orders_in']);
    const page = (await (await fetch(`${service.url}/dashboard.json`)).json()) as { readonly stages: unknown };
    expect(page.stages).toEqual([
      [config.input.label],
      ['parse_orders'],
      ['buffer_time'],
      ['to_batch'],
      ['keep_small'],
      ['orders', 'doubles', 'dead_letter_topic'],
      ['acknowledge_records'],
    ]);
    expect(await service.stop()).toBe('drained');

    const valuesOf = async (name: string) => {
      const values: string[] = [];
      for await (const { value } of readTopic(kafka, name)) values.push(String(value));
      return values.sort();
    };
    expect([await valuesOf('doubles'), await valuesOf('dead')]).toEqual([['2', '4'], ['x']]);
    const admin = createAdmin(kafka);
    const committed = await admin.committedOffsets(config.input.consumerGroup, 'in');
    admin.close();
    expect(committed.reduce((sum, { offset }) => sum + offset, 0)).toBe(4);
    expect(calls).toEqual(['connect', 'close']);
  });
});
