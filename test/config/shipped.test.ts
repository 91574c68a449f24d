import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { lintConfig, loadConfig } from '../../src/config/load.ts';
import { writeText } from './fixture.ts';

const file = 'redpanda.yaml';

describe('the shipped redpanda.yaml', () => {
  it('loads without any environment variable', () => {
    const config = loadConfig(file, { env: {} });
    expect(config.http).toMatchObject({ enabled: true, host: '127.0.0.1', port: 4195, rootPath: '/benthos' });
    expect(config.logger).toEqual({ level: 'info', format: 'json', staticFields: { '@service': 'wado-consumer' } });
    expect(config.input).toMatchObject({
      label: 'storage_queue',
      path: 'root.input',
      seedBrokers: ['localhost:9092'],
      topics: ['storage_queue'],
      consumerGroup: 'dicom-consumer-group',
      startOffset: 'earliest',
      checkpointLimit: 2048,
      batching: { count: 50, periodMs: 5000 },
    });
    expect(config.group).toMatchObject({ storageRoots: ['/data/dicom'], concurrency: 40, workers: 2 });
    expect(config.databases).toHaveLength(1);
    expect(config.databases[0]?.dsn.reveal()).toBe('postgres://postgres@localhost:5432/dicom');
    expect(config.topics.state.topic).toBe('dicom_state_queue');
    expect(config.topics.image.topic).toBe('dicom_image_queue');
    expect(config.topics.deadLetter.topic).toBe('storage_queue.dlq');
    expect(config.topics.producer.compression).toBe('lz4');
  });

  it('names components by the paths that Redpanda Connect prints', () => {
    const { input, group, databases, topics } = loadConfig(file, { env: {} });
    const components = [input, group, ...databases, topics.state, topics.image, topics.deadLetter];
    expect(components.map(({ label, path }) => [label, path])).toEqual([
      ['storage_queue', 'root.input'],
      ['group_dicom_state', 'root.pipeline.processors.0'],
      ['postgres', 'root.output.reject_errored.broker.outputs.0'],
      ['state_topic', 'root.output.reject_errored.broker.outputs.1.switch.cases.0.output'],
      ['image_topic', 'root.output.reject_errored.broker.outputs.1.switch.cases.1.output'],
      ['dead_letter_topic', 'root.output.reject_errored.broker.outputs.1.switch.cases.2.output'],
    ]);
  });

  it('reads addresses and names from environment variables', () => {
    const config = loadConfig(file, {
      env: {
        KAFKA_BROKERS: 'kafka-1:9092,kafka-2:9092',
        POSTGRES_DSN: 'postgres://u:p@db/x',
        STORAGE_ROOT: '/srv/dicom',
        HTTP_ADDRESS: '0.0.0.0:8080',
        CONSUMER_GROUP: 'another',
        LOG_LEVEL: 'debug',
        STORAGE_TOPIC: 'in',
        INSTANCE_ID: 'consumer-1',
        READER_WORKERS: '4',
      },
    });
    expect(config.input).toMatchObject({ consumerGroup: 'another', topics: ['in'], instanceId: 'consumer-1' });
    expect(config.input.seedBrokers).toEqual(['kafka-1:9092', 'kafka-2:9092']);
    expect(config.topics.producer.seedBrokers).toEqual(['kafka-1:9092', 'kafka-2:9092']);
    expect(config.databases[0]?.dsn.reveal()).toBe('postgres://u:p@db/x');
    expect(config.group).toMatchObject({ storageRoots: ['/srv/dicom'], workers: 4 });
    expect(config.http).toMatchObject({ host: '0.0.0.0', port: 8080 });
    expect(config.logger.level).toBe('debug');
  });

  it('lets Redpanda Connect have as many batches in the plugin as are read concurrently here', () => {
    const { threads, processors } = parse(readFileSync(file, 'utf8')).pipeline;
    expect(threads).toBe(processors[0].group_dicom_state.concurrency);
    expect(loadConfig(file, { env: {} }).group.concurrency).toBe(threads);
  });

  it('stops within the ten seconds that Docker waits, and is replaced within ten after SIGKILL', () => {
    const config = loadConfig(file, { env: {} });
    expect(config.shutdownTimeoutMs).toBeLessThan(10_000);
    expect(config.input.sessionTimeoutMs).toBeLessThan(10_000);
    // The least that brokers allow unless told otherwise (group.min.session.timeout.ms).
    expect(config.input.sessionTimeoutMs).toBeGreaterThanOrEqual(6000);
  });

  it('contains no password, and a default for every variable', () => {
    const text = readFileSync(file, 'utf8');
    expect(text).not.toMatch(/postgres:\/\/[^@\s]*:[^@\s]*@/);
    expect(text).not.toMatch(/\$\{[A-Z_]+\}/);
    expect(lintConfig(file, { env: {} })).toEqual([]);
  });

  it('repeats fields instead of merging them, because Redpanda Connect ignores merge keys', () => {
    expect(readFileSync(file, 'utf8')).not.toMatch(/^\s*<<:/m);
  });

  it('has its variables and their defaults in the documentation', () => {
    const documented = readFileSync('docs/configuration.md', 'utf8');
    const variables = readFileSync(file, 'utf8').matchAll(/\$\{([A-Z_]+):([^}]*)\}/g);
    for (const [, name, standard] of variables) {
      const value = standard === '' ? '' : `\`${standard}\``;
      if (name?.startsWith('KAFKA_USER') || name?.startsWith('KAFKA_PASS')) expect(documented).toContain(`\`${name}\``);
      else expect(documented).toContain(`| \`${name}\` |${value === '' ? '' : ` ${value}`} |`);
    }
  });

  it('is valid with its commented tls and sasl lines uncommented', () => {
    const text = readFileSync(file, 'utf8').replaceAll(/^( {4})# ((?:tls|sasl):|(?: {2,}).*)$/gm, '$1$2');
    expect(text).toContain('\n    sasl:\n      - mechanism: SCRAM-SHA-256\n        username: ');
    const config = loadFrom(text, { KAFKA_USER: 'consumer', KAFKA_PASSWORD: 'hidden' });
    expect(config.input.sasl).toMatchObject({ mechanism: 'SCRAM-SHA-256', username: 'consumer' });
    expect(config.input.tls).toMatchObject({
      rootCasFile: '/run/secrets/kafka-ca.pem',
      clientCert: { kind: 'files', certFile: '/run/secrets/kafka-client.pem' },
    });
  });
});

function loadFrom(text: string, env: Record<string, string>) {
  return loadConfig(writeText(text), { env });
}

describe('the shipped compose.yaml', () => {
  it.each(['mysql', 'doris'])(
    'gives the service of the profile %s a valid configuration, in a group and topics of its own',
    (profile) => {
      const { services } = parse(readFileSync('compose.yaml', 'utf8'));
      const { command, environment, profiles } = services[`service-${profile}`];
      const sets = command.flatMap((argument: string) => /^--set=(.+)$/.exec(argument)?.[1] ?? []);
      const { LOG_LEVEL: _, ...env } = environment;
      const config = loadConfig(file, { env, sets });
      const base = loadConfig(file, { env: {} });
      expect([profiles, command[0]]).toEqual([[profile], 'run']);
      expect(config.databases.map(({ label, driver }) => [label, driver])).toEqual([[profile, profile]]);
      expect(config.input.consumerGroup).not.toBe(base.input.consumerGroup);
      const topics = [config.topics.state, config.topics.image, config.topics.deadLetter].map(({ topic }) => topic);
      expect(services[`topics-${profile}`].environment.TOPICS.split(' ')).toEqual(topics);
      expect(topics).not.toContain(base.topics.state.topic);
    },
  );

  it('has an example of a second database in redpanda.yaml that is valid once it is uncommented', () => {
    const lines = readFileSync(file, 'utf8').split('\n');
    const start = lines.findIndex((line) => line.trim() === '# - label: mysql');
    const end = lines.findIndex((line, at) => at > start && line.trim() === '');
    const text = lines.map((line, at) => (at >= start && at < end ? line.replace('# ', '') : line)).join('\n');
    const config = loadConfig(writeText(text), { env: {} });
    expect(config.databases.map(({ driver }) => driver)).toEqual(['postgres', 'mysql']);
  });
});
