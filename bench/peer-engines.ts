/** The engines that `npm run bench -- peers` compares. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DICOM_STORE_META_FIELDS } from '../src/records/dicom-store-meta.ts';
import type { Pipeline } from '../src/testing/pipeline.ts';

/** An engine and how it is started. */
export interface Engine {
  readonly name: string;
  readonly work: string;
  readonly command: (connect: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The configuration file; default: the shipped redpanda.yaml. */
  readonly config?: (target: Pipeline) => string;
}

const ALL = 'headers read; 3 tables, 2 topics, dead letters';
export const ENGINES: Readonly<Record<string, Engine>> = {
  node: {
    name: 'wado-consumer',
    work: ALL,
    command: () => [process.execPath, '--max-semi-space-size=32', 'dist/src/cli/wado-consumer.cjs'],
  },
  plugins: {
    name: 'Redpanda Connect with the plugins',
    work: ALL,
    command: (connect) => [connect],
    env: { RPC_PLUGINS: resolve('plugins/*.yaml') },
  },
  own: {
    name: 'Redpanda Connect with its own components',
    work: 'no header; 1 table (`sql_insert`), 2 topics',
    command: (connect) => [connect],
    config: ownComponents,
  },
};

/** Redpanda Connect's own components with the settings of redpanda.yaml. */
function ownComponents(target: Pipeline): string {
  const file = join(target.folder, 'own-components.yaml');
  const brokers = JSON.stringify(target.brokers);
  const topic = (name: string) =>
    `{ redpanda: { seed_brokers: [${brokers}], topic: ${name}, key: "\${! @kafka_key }", compression: lz4 } }`;
  writeFileSync(
    file,
    `http: { enabled: false }
logger: { level: WARN }
input:
  redpanda:
    seed_brokers: [${brokers}]
    topics: ["\${STORAGE_TOPIC}"]
    consumer_group: ${target.group}
    commit_period: 1s
    unordered_processing: { enabled: true, checkpoint_limit: 2048, batching: { count: 50, period: 5s } }
output:
  broker:
    pattern: fan_out
    outputs:
      - sql_insert:
          driver: postgres
          dsn: "${target.dsn}?sslmode=disable"
          table: dicom_object_meta
          columns: [${DICOM_STORE_META_FIELDS.join(', ')}]
          args_mapping: 'root = [${DICOM_STORE_META_FIELDS.map((field) => `this.${field}`).join(', ')}]'
          suffix: ON CONFLICT DO NOTHING
          max_in_flight: 4
      - ${topic(target.topics.state)}
      - ${topic(target.topics.image)}
`,
  );
  return file;
}
