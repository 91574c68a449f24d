import type { DemoDatabaseName } from './demo-database.ts';

/** The demo's configuration: an ordinary redpanda.yaml in the demo's folder. */
export interface DemoConfigOptions {
  /** `host:port` of the broker. */
  readonly broker: string;
  readonly dsn: string;
  readonly driver: DemoDatabaseName;
  /** Absolute path of the folder of the DICOM files. */
  readonly store: string;
  /** `host:port` of the admin endpoints. */
  readonly http: string;
}

export const DEMO_TOPICS = {
  input: 'storage_queue',
  state: 'dicom_state_queue',
  image: 'dicom_image_queue',
  deadLetter: 'storage_queue.dlq',
} as const;

export const DEMO_GROUP = 'dicom-consumer-group';

/** The text of the file. It differs from redpanda.yaml in addresses and in shorter times. */
export function demoConfig({ broker, dsn, driver, store, http }: DemoConfigOptions): string {
  const text = JSON.stringify;
  const output = (label: string, topic: string, more = '') =>
    `{ label: ${label}, redpanda: { seed_brokers: [${text(broker)}], topic: ${topic}, key: '\${! @key }'${more} } }`;
  return `# Written by "wado-consumer demo" at every start. See redpanda.yaml and docs/configuration.md.
http:
  address: ${text(http)}

logger:
  format: json

input:
  redpanda:
    seed_brokers: [${text(broker)}]
    topics: [${DEMO_TOPICS.input}]
    consumer_group: ${DEMO_GROUP}
    commit_period: 1s
    fetch_max_wait: 10ms # the embedded broker answers an empty fetch only after this time
    unordered_processing:
      enabled: true
      checkpoint_limit: 4096
      batching: { count: 50, period: 1s } # 5s in the real one

pipeline:
  processors:
    - label: group
      group_dicom_state:
        storage_roots: [${text(store)}]
        concurrency: 20
        file_wait: 2s # a file that is missing becomes a dead letter after this time; 60s in the real one

output:
  reject_errored:
    broker:
      pattern: fan_out
      outputs:
        - label: ${driver}
          dicom_store: { driver: ${driver}, dsn: ${text(dsn)}, max_in_flight: 1 }
        - switch:
            cases:
              - check: '@record_type == "state"'
                output: ${output('state_topic', DEMO_TOPICS.state)}
              - check: '@record_type == "image"'
                output: ${output('image_topic', DEMO_TOPICS.image)}
              - check: '@record_type == "dead_letter"'
                output: ${output('dead_letter_topic', DEMO_TOPICS.deadLetter, ', metadata: { include_prefixes: ["__streams.errors."] }')}
`;
}
