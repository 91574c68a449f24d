import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { publishTarget, type TargetOptions } from '../../src/cli/publish-target.ts';
import type { Environment } from '../../src/config/environment.ts';

const folder = mkdtempSync(join(tmpdir(), 'publish-target-'));
afterAll(() => rmSync(folder, { recursive: true }));

const targetOf = (options: TargetOptions, environment: Environment) => {
  const { topic, producer } = publishTarget(options, environment);
  return { topic, brokers: producer.seedBrokers };
};

describe('the target of publish', () => {
  it('is the local broker and storage_queue when nothing is configured', () => {
    expect(targetOf({}, {})).toEqual({ topic: 'storage_queue', brokers: ['127.0.0.1:9092'] });
    expect(targetOf({}, { KAFKA_BROKERS: '', STORAGE_TOPIC: '' })).toEqual(targetOf({}, {}));
  });

  it('is read from KAFKA_BROKERS and STORAGE_TOPIC, as redpanda.yaml reads them', () => {
    const environment = { KAFKA_BROKERS: 'one:9092, two:9093', STORAGE_TOPIC: 'other' };
    expect(targetOf({}, environment)).toEqual({ topic: 'other', brokers: ['one:9092', 'two:9093'] });
  });

  it('is read from the file that KAFKA_BROKERS_FILE names', () => {
    const file = join(folder, 'brokers');
    writeFileSync(file, 'one:9092\n');
    expect(targetOf({}, { KAFKA_BROKERS_FILE: file }).brokers).toEqual(['one:9092']);
    expect(() => targetOf({}, { KAFKA_BROKERS_FILE: join(folder, 'missing') })).toThrow('KAFKA_BROKERS_FILE');
  });

  it('is what the options name, whatever the environment says', () => {
    const environment = { KAFKA_BROKERS: 'one:9092', STORAGE_TOPIC: 'other' };
    const options = { brokers: ['three:9092'], topic: 'mine' };
    expect(targetOf(options, environment)).toEqual({ topic: 'mine', brokers: ['three:9092'] });
  });

  it('is the input of --config, with the variables that the file reads', () => {
    const environment = { KAFKA_BROKERS: 'one:9092', STORAGE_TOPIC: 'other' };
    const options = { config: 'redpanda.yaml' };
    expect(targetOf(options, environment)).toEqual({ topic: 'other', brokers: ['one:9092'] });
    expect(targetOf({ ...options, topic: 'mine' }, {}).topic).toBe('mine');
  });

  it('is an error when KAFKA_BROKERS is not a list of host:port', () => {
    for (const brokers of ['nonsense', 'one:9092,', 'one:port'])
      expect(() => targetOf({}, { KAFKA_BROKERS: brokers }), brokers).toThrow('KAFKA_BROKERS: expected host:port');
  });
});
