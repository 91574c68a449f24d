import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LoadOptions, lintConfig } from '../../src/config/load.ts';

/** The least that can be run. Line numbers in tests count in it, so new fields go to the end of their block. */
export const MINIMAL = `input:
  redpanda:
    seed_brokers: ["localhost:9092"]
    topics: [storage_queue]
    consumer_group: group
    unordered_processing:
      enabled: true
pipeline:
  processors:
    - group_dicom_state:
        storage_roots: [/data]
output:
  reject_errored:
    broker:
      outputs:
        - dicom_store:
            driver: postgres
            dsn: postgres://user@localhost:5432/dicom
        - switch:
            cases:
              - check: '@record_type == "state"'
                output:
                  redpanda: &producer
                    seed_brokers: ["localhost:9092"]
                    topic: states
                    key: \${! @key }
              - check: '@record_type == "image"'
                output:
                  redpanda:
                    <<: *producer
                    topic: images
              - check: '@record_type == "dead_letter"'
                output:
                  redpanda:
                    <<: *producer
                    topic: dead
                    metadata:
                      include_prefixes: ["__streams.errors."]
`;

export const folder = mkdtempSync(path.join(tmpdir(), 'wado-config-'));
let files = 0;

/** Writes a file of its own and returns its path. */
export function writeText(content: string | Uint8Array, name = `file-${++files}.yaml`): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

/** MINIMAL with one stretch of text replaced; fails the test when the text isn't there. */
export function minimalWith(...changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`MINIMAL has no ${from}`);
    return text.replace(from, () => to);
  }, MINIMAL);
}

/** What lint says of a text: `line:column message`, in order. */
export function lintText(text: string | Uint8Array, options: LoadOptions = {}): string[] {
  return lintConfig(writeText(text), { env: {}, ...options }).map(
    ({ line, column, message }) => `${line}:${column} ${message}`,
  );
}
