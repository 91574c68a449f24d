import { afterEach, expect, it, describe as suite } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { KnownTopics } from '../../src/kafka/consumer/known-topics.ts';
import { createBatchLog } from '../../src/ops/batch-log.ts';
import { createHealth } from '../../src/ops/health.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { createMemoryDatabase } from '../../src/sinks/memory.ts';
import { buildNodes, type RunnableTopology } from '../../topology/build-nodes.ts';
import type { Delivery } from '../../topology/delivery.ts';
import { describe, toMermaid } from '../../topology/describe.ts';
import { outlineOf, settingsOf } from '../../topology/outline.ts';
import { readHeaders, topology } from '../../topology/topology.ts';

const config = loadConfig('redpanda.yaml', {
  env: {
    KAFKA_BROKERS: '127.0.0.1:1',
    POSTGRES_DSN: 'postgres://u@127.0.0.1:1/d',
    STORAGE_ROOT: '/data',
  },
});
const built: RunnableTopology[] = [];

afterEach(async () => {
  await Promise.all(built.splice(0).map((nodes) => nodes.close()));
});

/** The topology with the real clients of a configuration, which are never connected. */
function compose(own: Config, delivery: Delivery) {
  const logger = createLogger({ level: 'silent' });
  const storage = {
    any: false,
    isUnusable: () => false,
    wasUsable: () => Promise.resolve(true),
    mayTry: () => true,
    add: () => undefined,
    update: () => undefined,
  };
  const metrics = createMetrics({ process: false });
  const operations = { metrics, health: createHealth(), logger, storage, knownTopics: new KnownTopics() };
  const nodes = buildNodes(
    own,
    { ...operations, batchLog: createBatchLog(logger) },
    { groupProtocol: 'classic', ...delivery },
  );
  built.push(nodes);
  return { topology: nodes.compose(settingsOf(own, nodes.unacked)), ...operations };
}

suite('the description of a topology', () => {
  it('has the form of Kafka Streams’ Topology#describe()', () => {
    expect(describe(outlineOf(config))).toBe(`Topologies:
   Sub-topology: 0
    Source: storage_queue (topics: [storage_queue])
      --> parse_records
    Processor: parse_records (stores: [])
      --> buffer_time
      <-- storage_queue
    Processor: buffer_time (stores: [])
      --> group_dicom_state
      <-- parse_records
    Processor: group_dicom_state (stores: [])
      --> postgres, state_topic, image_topic, dead_letter_topic
      <-- buffer_time
    Sink: postgres (database: PostgreSQL)
      --> acknowledge_records
      <-- group_dicom_state
    Sink: state_topic (topic: dicom_state_queue)
      --> acknowledge_records
      <-- group_dicom_state
    Sink: image_topic (topic: dicom_image_queue)
      --> acknowledge_records
      <-- group_dicom_state
    Sink: dead_letter_topic (topic: storage_queue.dlq)
      --> acknowledge_records
      <-- group_dicom_state
    Processor: acknowledge_records (stores: [])
      --> none
      <-- postgres, state_topic, image_topic, dead_letter_topic
`);
  });

  it('shows with exactly once that the topics follow the database, in a transaction', () => {
    expect(toMermaid(outlineOf(config, { exactlyOnce: true }))).toBe(`flowchart LR
  n0(["storage_queue<br/>storage_queue"])
  n1["parse_records"]
  n2["buffer_time"]
  n3["group_dicom_state"]
  n4[("postgres<br/>PostgreSQL")]
  n5["commit_together"]
  n6(["state_topic<br/>dicom_state_queue"])
  n7(["image_topic<br/>dicom_image_queue"])
  n8(["dead_letter_topic<br/>storage_queue.dlq"])
  n0 --> n1
  n1 --> n2
  n2 --> n3
  n3 --> n4
  n4 --> n5
  n5 --> n6
  n5 --> n7
  n5 --> n8
`);
  });

  const [database] = config.databases;
  const second = { ...database, label: 'second', path: 'root.second' };
  it.each([
    ['at least once', config, {}],
    ['exactly once', config, { exactlyOnce: true as const }],
    ['two databases', { ...config, databases: [...config.databases, second] } as Config, {}],
    ['in order', { ...config, input: { ...config.input, inOrder: true } }, {}],
    [
      'flush_when_idle',
      { ...config, input: { ...config.input, batching: { ...config.input.batching, flushWhenIdle: true } } },
      {},
    ],
  ])('is that of the graph with the real clients: %s', (_name, own, delivery) => {
    const { topology } = compose(own, delivery);
    expect(topology.nodes).toEqual(outlineOf(own, delivery).nodes);
    expect(topology.outputs.map(({ name }) => name).length).toBeGreaterThan(1);
  });

  it('names what is not connected, in /ready, by the same nodes', () => {
    const { topology, health } = compose(config, {});
    const sinks = topology.nodes.filter(({ kind }) => kind === 'sink').map(({ name }) => name);
    expect(health.readiness().body.statuses.map(({ label }) => label)).toEqual(expect.arrayContaining(sinks));
  });

  it('has the extra sink of a topology of one’s own, which /ready names, too', () => {
    const own = createMemoryDatabase('audit');
    const { topology: composed, health } = compose(config, {
      topology: (nodes, settings) => topology({ ...nodes, sinks: [...nodes.sinks, own] }, settings),
    });
    expect(describe(composed)).toContain('Sink: audit (database: audit)');
    expect(health.readiness().body.statuses).toContainEqual(
      expect.objectContaining({ label: 'audit', path: 'root.topology.audit', connected: false }),
    );
  });

  it('has no outputs that a topology of one’s own does not write to, and /ready does not wait for them', () => {
    const { topology: composed, health } = compose(config, {
      topology: ({ source, reader, databases, deadLetters, offsets }, settings) =>
        readHeaders(source, reader, settings).forkTo({ sinks: databases, deadLetters }, settings).commitTo(offsets),
    });
    expect(composed.outputs.map(({ name }) => name)).toEqual(['postgres', 'dead_letter_topic']);
    expect(health.readiness().body.statuses.map(({ label }) => label)).not.toContain('state_topic');
  });
});
