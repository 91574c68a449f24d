// biome-ignore-all lint/suspicious/noTemplateCurlyInString: interpolations of the configuration, not of this program
import { describe, expect, it } from 'vitest';
import { lintText, MINIMAL, minimalWith } from './fixture.ts';

const TESTED = (fields: string, conditions = '') => `${MINIMAL}tests:
  - name: a test
    input_batch: [{ content: a }]
    ${fields}
    output_batches: [[{ content_equals: a${conditions} }]]
`;

/** What a file can say for Redpanda Connect only: one of each kind, the line that lint names, and what it says to do. */
const ONLY_THERE: Record<string, { text: string; says: readonly [line: number, message: RegExp] }> = {
  'another input': {
    text: minimalWith(['input:\n  redpanda:', 'input:\n  kafka_franz:']),
    says: [2, /the input kafka_franz is not supported here; supported: redpanda/],
  },
  'a Bloblang processor': {
    text: minimalWith(['[/data]', `[/data]\n    - mapping: 'root = this'`]),
    says: [12, /the processor mapping is not supported here; supported: group_dicom_state/],
  },
  'another output': {
    text: minimalWith(['        - switch:', '        - stdout: {}\n        - switch:']),
    says: [19, /the output stdout is not supported here; supported: dicom_store, switch/],
  },
  'an output without reject_errored': {
    text: minimalWith(['  reject_errored:\n    broker:', '  broker:\n    x_unused:']),
    says: [13, /the output broker is not supported here; supported: reject_errored/],
  },
  'processors of an input': {
    text: minimalWith(['input:', 'input:\n  processors: [{ noop: {} }]']),
    says: [2, /processors of a component are not supported, only those of pipeline/],
  },
  'a check in Bloblang': {
    text: minimalWith([`'@record_type == "image"'`, `'this.modality == "CT"'`]),
    says: [27, /this check is not supported; supported: @record_type == "state"/],
  },
  'an interpolation other than the key': {
    text: minimalWith(['key: ${! @key }\n              - check', 'key: ${! json("id") }\n              - check']),
    says: [26, /expected \$\{! @key \}, the key that group_dicom_state gives each record; no other is supported/],
  },
  'a topic that differs from record to record': {
    text: minimalWith(['topic: images', 'topic: ${! @topic }']),
    says: [31, /the same for every record/],
  },
  'a field of a component': {
    text: minimalWith(['consumer_group: group', 'consumer_group: group\n    auto_replay_nacks: false']),
    says: [6, /auto_replay_nacks: is not supported: leave it out, or at true/],
  },
  'a resource': {
    text: `cache_resources: [{ label: c, memory: {} }]\n${MINIMAL}`,
    says: [1, /cache_resources: is not supported: leave it out, or at its default/],
  },
  'a buffer': {
    text: `buffer: { memory: {} }\n${MINIMAL}`,
    says: [1, /buffer: is not supported: leave it out, or at its default/],
  },
  'another kind of metrics': {
    text: `metrics: { statsd: { address: a } }\n${MINIMAL}`,
    says: [1, /unknown field statsd in metrics/],
  },
  'a list of brokers as one string, which its linter refuses, too': {
    text: minimalWith(['seed_brokers: ["localhost:9092"]\n    topics', 'seed_brokers: "a:1,b:2"\n    topics']),
    says: [3, /seed_brokers: expected a list/],
  },
  'a test of a Bloblang mapping': {
    text: TESTED('target_mapping: a.blobl'),
    says: [42, /a Bloblang mapping is not supported here: leave it out, or use redpanda-connect test/],
  },
  'a test with mocked processors': {
    text: TESTED('mocks: { group: { noop: {} } }'),
    says: [42, /a mocked processor is not supported here: leave it out, or use redpanda-connect test/],
  },
  'a test with a condition in Bloblang': {
    text: TESTED('environment: {}', `, bloblang: 'this.a > 1'`),
    says: [
      43,
      /Bloblang other than @name == "literal" is not supported here: leave it out, or use redpanda-connect test/,
    ],
  },
};

describe('lint names the line and what to do for', () => {
  it.each(Object.entries(ONLY_THERE))('%s', (_, { text, says: [line, message] }) => {
    const found = lintText(text).filter((each) => message.test(each));
    expect([...new Set(found.map((each) => Number(each.split(':')[0])))]).toEqual([line]);
  });
});

describe('lint accepts what both engines run', () => {
  it.each([
    ['several brokers in one entry', minimalWith(['["localhost:9092"]\n    topics', '["a:1,b:2"]\n    topics'])],
    ['a test with a comparison of metadata', TESTED('environment: {}', `, bloblang: '@record_type == "state"'`)],
    ['empty mocks', TESTED('mocks: {}')],
    ['Bloblang of other records in comments', `# root = this.uppercase()\n${MINIMAL}`],
  ])('%s', (_, text) => {
    expect(lintText(text)).toEqual([]);
  });
});
