import { describe, expect, it } from 'vitest';
import type { PartialConfig } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { StorageOutages } from '../../src/dicom/files/storage-outages.ts';
import { KnownTopics } from '../../src/kafka/consumer/known-topics.ts';
import { parseValues } from '../../src/operators/parse-values.ts';
import { toBatch } from '../../src/operators/to-batch.ts';
import { createBatchLog } from '../../src/ops/batch-log.ts';
import { createHealth } from '../../src/ops/health.ts';
import { createLogger } from '../../src/ops/logger.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { storageRootEvents } from '../../src/ops/observe-storage.ts';
import type { Processed } from '../../src/records/records.ts';
import { outageLimits } from '../../src/runtime/outage-limits.ts';
import { buildNodes } from '../../topology/build-nodes.ts';
import { consume } from '../../topology/compose.ts';
import type { Delivery, ExactlyOnceServiceNodes, ServiceNodes } from '../../topology/delivery.ts';
import { settingsOf } from '../../topology/outline.ts';
import { exactlyOnceTopology, readHeaders, type Settings, topology } from '../../topology/topology.ts';

const whole = loadConfig('redpanda.yaml', { env: { KAFKA_BROKERS: '127.0.0.1:1', STORAGE_ROOT: '/nowhere' } });
const { producer, deadLetter } = whole.topics;
const noRoots: PartialConfig = { ...whole, group: { ...whole.group, storageRoots: [] } };
const noDatabases: PartialConfig = { ...whole, databases: [] };
const noTopics: PartialConfig = { ...whole, topics: { producer, deadLetter } };
const least: PartialConfig = { ...noRoots, ...noDatabases, ...noTopics, group: noRoots.group };

/** Composes a topology as the service does, without connecting, and returns what `describe` and `/ready` name. */
async function compose(config: PartialConfig, delivery: Delivery = {}) {
  const [metrics, health, logger] = [createMetrics(), createHealth(), createLogger({ level: 'silent' })];
  const storage = new StorageOutages({
    roots: config.group.storageRoots,
    limits: outageLimits(config.group),
    onChange: storageRootEvents(config.group, metrics, health, logger),
  });
  const batchLog = createBatchLog(logger);
  const operations = { metrics, health, logger, storage, batchLog, knownTopics: new KnownTopics() };
  const nodes = buildNodes(config, operations, { groupProtocol: 'classic', ...delivery });
  try {
    const composed = nodes.compose(settingsOf(config, () => 0));
    for (const { label, path } of health.readiness().body.statuses) health.component({ label, path }).connected();
    return { names: composed.nodes.map(({ name }) => name), readiness: health.readiness() };
  } finally {
    await nodes.close();
    storage.close();
  }
}

const numberOf = ({ value }: Processed<number>) => ({ key: null, value: String(value) });
/** A graph of numbers that takes the source, the dead letters, the offsets and a topic of its own only. */
const numbers = ({ source, deadLetters, offsets, topic }: ServiceNodes, settings: Settings) =>
  consume(source)
    .through('parse_numbers', parseValues(Number))
    .buffer(settings)
    .through('to_batch', toBatch())
    .forkTo({ sinks: [topic('own', 'own', numberOf)], deadLetters }, settings)
    .commitTo(offsets);
const numbersOnce = ({ source, transactionOf }: ExactlyOnceServiceNodes, settings: Settings) =>
  consume(source)
    .through('parse_numbers', parseValues(Number))
    .buffer(settings)
    .through('to_batch', toBatch())
    .forkTo({ sinks: [] }, settings)
    .commitIn(transactionOf([{ name: 'own', topic: 'own', recordOf: numberOf }]));
/** Publishes what the service publishes, without a database. */
const publishing = ({ source, reader, topics, deadLetters, offsets }: ServiceNodes, settings: Settings) =>
  readHeaders(source, reader, settings).forkTo({ sinks: topics, deadLetters }, settings).commitTo(offsets);

describe('a topology with a configuration that lacks parts', () => {
  it.each([
    ['at least once', { topology: numbers }],
    ['exactly once', { exactlyOnce: true, exactlyOnceTopology: numbersOnce }],
  ])('needs only what it takes, %s, and is ready without a storage root', async (_, delivery) => {
    const { names, readiness } = await compose(least, delivery);
    expect(names).toEqual(expect.arrayContaining(['storage_queue', 'to_batch', 'own', 'dead_letter_topic']));
    expect(readiness.body.statuses.map(({ label }) => label).sort()).toEqual([
      'dead_letter_topic',
      'own',
      'storage_queue',
    ]);
    expect(readiness.ready).toBe(true);
  });

  it('may take some of the nodes of the configuration: topics without a database', async () => {
    const { names } = await compose(noDatabases, { topology: publishing });
    expect(names).toContain('image_topic');
    expect(names).not.toContain('postgres');
  });

  it.each<[string, PartialConfig, Delivery, string, string]>([
    ['the reader', noRoots, {}, 'reader', 'processor group_dicom_state'],
    ['the databases', noDatabases, {}, 'sinks', 'dicom_store'],
    ['the topics', noTopics, {}, 'sinks', 'state and image topic'],
    ['the reader, exactly once', noRoots, { exactlyOnce: true }, 'reader', 'processor group_dicom_state'],
    ['the databases, exactly once', noDatabases, { exactlyOnce: true }, 'databases', 'dicom_store'],
    ['the topics, exactly once', noTopics, { exactlyOnce: true }, 'transaction', 'state and image topic'],
    ['own topics, in a custom one', noTopics, { topology: publishing }, 'topics', 'state and image topic'],
    [
      'a node that is only spread',
      noDatabases,
      { topology: (nodes, settings) => topology({ ...nodes, sinks: [] }, settings) },
      'databases',
      'dicom_store',
    ],
    [
      'a node that is only spread, exactly once',
      noTopics,
      {
        exactlyOnce: true,
        exactlyOnceTopology: (nodes, settings) => exactlyOnceTopology({ ...nodes, databases: [] }, settings),
      },
      'topics',
      'state and image topic',
    ],
  ])('fails when it takes %s, and names the missing part', async (_, config, delivery, node, part) => {
    await expect(compose(config, delivery)).rejects.toThrow(
      new TypeError(`the topology takes the node ${node}, but the configuration has no ${part}`),
    );
  });
});
