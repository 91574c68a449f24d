// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the configuration, not of this program

import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { DATABASE_DRIVER_NAMES } from '../../src/databases/registry.ts';
import { ConfigError } from '../../src/errors.ts';
import { folder, lintText, MINIMAL, minimalWith, writeText } from './fixture.ts';

const EXPECTED_DRIVER =
  DATABASE_DRIVER_NAMES.length === 1 ? 'expected postgres' : `expected one of ${DATABASE_DRIVER_NAMES.join(', ')}`;

describe('a valid configuration', () => {
  it('has no issues', () => {
    expect(lintText(MINIMAL)).toEqual([]);
  });

  it("has Redpanda Connect's defaults", () => {
    const { http, input, shutdownDelayMs, shutdownTimeoutMs, topics } = loadConfig(writeText(MINIMAL), { env: {} });
    expect({ http, shutdownDelayMs, shutdownTimeoutMs }).toEqual({
      http: { enabled: true, host: '127.0.0.1', port: 4195, rootPath: '/benthos' },
      shutdownDelayMs: 0,
      shutdownTimeoutMs: 20_000,
    });
    expect(input).toEqual({
      label: '',
      path: 'root.input',
      seedBrokers: ['localhost:9092'],
      clientId: 'redpanda-connect',
      topics: ['storage_queue'],
      consumerGroup: 'group',
      startOffset: 'earliest',
      isolationLevel: 'read_uncommitted',
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 45_000,
      heartbeatIntervalMs: 3000,
      commitPeriodMs: 5000,
      fetchMaxBytes: 52_428_800,
      fetchMaxPartitionBytes: 1_048_576,
      fetchMinBytes: 1,
      fetchMaxWaitMs: 5000,
      inOrder: false,
      checkpointLimit: 1024,
      batching: { count: 50, periodMs: 5000, flushWhenIdle: true },
    });
    expect(topics.producer).toEqual({
      seedBrokers: ['localhost:9092'],
      clientId: 'redpanda-connect',
      idempotentWrite: true,
      acks: 'all',
      compression: 'none',
      timeoutMs: 10_000,
      maxMessageBytes: 1_048_576,
    });
  });
});

/** One slip each: what is changed in MINIMAL, and everything that lint then says. */
const slips: Record<string, { change: readonly [string, string]; says: string[] }> = {
  'an unknown field, with the one that was meant': {
    change: ['consumer_group: group', 'consumer_group: group\n    start_ofset: latest'],
    says: ['6:5 unknown field start_ofset in input.redpanda (did you mean start_offset?)'],
  },
  'an unknown field that is like no other': {
    change: ['consumer_group: group', 'consumer_group: group\n    quux: 1'],
    says: ['6:5 unknown field quux in input.redpanda'],
  },
  'an unknown field at the top': {
    change: ['input:', 'loger: {}\ninput:'],
    says: ['1:1 unknown field loger at the top (did you mean logger?)'],
  },
  'a required field that is missing, at the component it is missing from': {
    change: ['    consumer_group: group\n', ''],
    says: ['2:3 input.redpanda.consumer_group: is required'],
  },
  'a whole component that is missing': {
    change: ['input:', 'tests: []\nx_input:'],
    says: expect.arrayContaining(['1:1 input: is required']),
  },
  'a text where a list belongs': {
    change: ['topics: [storage_queue]', 'topics: storage_queue'],
    says: ['4:13 input.redpanda.topics: expected a list'],
  },
  'an empty list': {
    change: ['[/data]', '[]'],
    says: ['11:24 pipeline.processors.0.group_dicom_state.storage_roots: expected at least one entry'],
  },
  'a relative storage root': {
    change: ['[/data]', '[/data, data]'],
    says: ['11:32 pipeline.processors.0.group_dicom_state.storage_roots.1: expected an absolute path'],
  },
  'a number in quotes': {
    change: ['[/data]', '[/data]\n        workers: "2"'],
    says: [
      '12:18 pipeline.processors.0.group_dicom_state.workers: expected a whole number from 1 to 64, without quotes',
    ],
  },
  'a truth value in quotes, as Redpanda Connect refuses it too': {
    change: ['enabled: true', 'enabled: "true"'],
    says: ['7:16 input.redpanda.unordered_processing.enabled: expected true or false, without quotes'],
  },
  'a mapping that is empty space': {
    change: ['input:', 'metrics:\n  prometheus:\ninput:'],
    says: ['2:14 metrics.prometheus: expected a mapping'],
  },
  "a duration that isn't Go's": {
    change: ['consumer_group: group', 'consumer_group: group\n    session_timeout: 1 minute'],
    says: ['6:22 input.redpanda.session_timeout: expected a duration from 1s to 1h, such as 500ms or 1m30s'],
  },
  'a word that is none of the options': {
    change: ['consumer_group: group', 'consumer_group: group\n    start_offset: newest'],
    says: ['6:19 input.redpanda.start_offset: expected one of earliest, latest, committed'],
  },
  'an input that is not supported': {
    change: ['input:\n  redpanda:', 'input:\n  kafka_franz:'],
    says: ['2:3 input: the input kafka_franz is not supported here; supported: redpanda'],
  },
  'a processor that is not supported': {
    change: ['    - group_dicom_state:\n        storage_roots: [/data]', '    - mapping: root = this'],
    says: ['10:7 pipeline.processors.0: the processor mapping is not supported here; supported: group_dicom_state'],
  },
  'a second processor': {
    change: ['[/data]', '[/data]\n    - log: {}'],
    says: [
      '10:5 pipeline.processors: expected exactly one processor, group_dicom_state',
      '12:7 pipeline.processors.1: the processor log is not supported here; supported: group_dicom_state',
    ],
  },
  'an output that is not wrapped in reject_errored': {
    change: ['  reject_errored:\n    broker:', '  broker:\n    x_unused:'],
    says: ['13:3 output: the output broker is not supported here; supported: reject_errored'],
  },
  'a field of Redpanda Connect that is not supported': {
    change: ['consumer_group: group', 'consumer_group: group\n    auto_replay_nacks: false'],
    says: ['6:24 input.redpanda.auto_replay_nacks: is not supported: leave it out, or at true'],
  },
  "processors of a component other than the pipeline's": {
    change: ['input:', 'input:\n  processors: [{ noop: {} }]'],
    says: ['2:15 input.processors: processors of a component are not supported, only those of pipeline'],
  },
  'a check in Bloblang': {
    change: [`'@record_type == "image"'`, `'@record_type.uppercase() == "IMAGE"'`],
    says: [
      '21:15 output.reject_errored.broker.outputs.1.switch.cases: no case for image (@record_type == "…")',
      '27:24 output.reject_errored.broker.outputs.1.switch.cases.1.check: this check is not supported; supported: @record_type == "state", @record_type == "image", @record_type == "dead_letter"',
    ],
  },
  'a case that is there twice': {
    change: [`'@record_type == "image"'`, `'@record_type == "state"'`],
    says: [
      '21:15 output.reject_errored.broker.outputs.1.switch.cases: no case for image (@record_type == "…")',
      '27:24 output.reject_errored.broker.outputs.1.switch.cases.1.check: there are two cases for this check',
    ],
  },
  'an interpolation other than the key': {
    change: ['key: ${! @key }\n              - check', 'key: ${! json("id") }\n              - check'],
    says: expect.arrayContaining([
      '26:26 output.reject_errored.broker.outputs.1.switch.cases.0.output.redpanda.key: expected ${! @key }, the key that group_dicom_state gives each record; no other is supported',
    ]),
  },
  'a topic that differs from record to record': {
    change: ['topic: images', 'topic: ${! @topic }'],
    says: [
      '31:28 output.reject_errored.broker.outputs.1.switch.cases.1.output.redpanda.topic: expected a string that is not empty and is the same for every record',
    ],
  },
  'outputs that could not share a producer': {
    change: ['topic: images', 'topic: images\n                    timeout: 5s'],
    says: [
      '32:30 output.reject_errored.broker.outputs.1.switch.cases.1.output.redpanda.timeout: differs from the output in line 23: the three outputs share their producer settings',
    ],
  },
  'a driver that there is not': {
    change: ['driver: postgres', 'driver: oracle'],
    says: [`17:21 output.reject_errored.broker.outputs.0.dicom_store.driver: ${EXPECTED_DRIVER}`],
  },
  'a dead-letter output that would hide what was wrong': {
    change: ['["__streams.errors."]', '[]'],
    says: [
      '38:23 output.reject_errored.broker.outputs.1.switch.cases.2.output.redpanda.metadata: expected include_prefixes: ["__streams.errors."], so that a dead letter carries its error',
    ],
  },
  'an acknowledgement that promises less than all': {
    change: ['topic: states', 'topic: states\n                    acks: leader'],
    says: expect.arrayContaining([
      '26:27 output.reject_errored.broker.outputs.1.switch.cases.0.output.redpanda.acks: expected all: offsets are committed for what every in-sync replica holds',
    ]),
  },
  // The message must not suggest `leader` and `none`, which are refused too.
  'an acknowledgement that Kafka has no name for': {
    change: ['topic: states', 'topic: states\n                    acks: 1'],
    says: expect.arrayContaining([
      '26:27 output.reject_errored.broker.outputs.1.switch.cases.0.output.redpanda.acks: expected all: offsets are committed for what every in-sync replica holds',
    ]),
  },
  'a label in capitals': {
    change: ['input:', 'input:\n  label: In'],
    says: ['2:10 input.label: expected lower-case letters, digits, - and _, not starting with _'],
  },
  'a log format that does not exist': {
    change: ['input:', 'logger: { format: text }\ninput:'],
    says: ['1:19 logger.format: expected one of json, logfmt'],
  },
  'an address without a port': {
    change: ['input:', 'http: { address: localhost }\ninput:'],
    says: ['1:18 http.address: expected host:port, such as 127.0.0.1:4195, [::1]:4195 or :4195'],
  },
  'a switch that is missing': {
    change: ['- switch:', '- swich:'],
    says: ['19:11 unknown field swich in output.reject_errored.broker.outputs.1 (did you mean switch?)'],
  },
  'a key that is there twice': {
    change: ['consumer_group: group', 'consumer_group: group\n    topics: [other]'],
    says: ['6:5 not valid YAML: this key is in the same mapping twice'],
  },
  'a bracket that is not closed': {
    change: ['[storage_queue]', '[storage_queue'],
    says: expect.arrayContaining([expect.stringMatching(/^[45]:\d+ not valid YAML: /)]),
  },
  'a tab as indentation': {
    change: ['    topics:', '\ttopics:'],
    says: expect.arrayContaining(['4:1 not valid YAML: YAML cannot be indented with tabs: use spaces']),
  },
  'an alias without an anchor': {
    change: ['[/data]', '*roots'],
    says: ['11:24 an alias has no anchor before it'],
  },
  'a batch that could never fill': {
    change: ['enabled: true', 'enabled: true\n      checkpoint_limit: 10\n      batching: { count: 11 }'],
    says: [
      '9:26 input.redpanda.unordered_processing.batching.count: expected at most checkpoint_limit, else no batch is ever full',
    ],
  },
};

describe('lint reports', () => {
  it.each(Object.entries(slips))('%s', (_, { change, says }) => {
    expect(lintText(minimalWith(change))).toEqual(says);
  });

  it('all errors together, in the order of the lines', () => {
    const text = minimalWith(
      ['consumer_group: group', 'consumer_grup: group'],
      ['[/data]', '[]'],
      ['driver: postgres', 'driver: 1'],
      ['dsn: postgres://user@localhost:5432/dicom', 'dsn: ""'],
      ['topic: dead', 'topic: ""'],
    );
    expect(lintText(text)).toEqual([
      '2:3 input.redpanda.consumer_group: is required',
      '5:5 unknown field consumer_grup in input.redpanda (did you mean consumer_group?)',
      '11:24 pipeline.processors.0.group_dicom_state.storage_roots: expected at least one entry',
      `17:21 output.reject_errored.broker.outputs.0.dicom_store.driver: ${EXPECTED_DRIVER}`,
      '18:18 output.reject_errored.broker.outputs.0.dicom_store.dsn: expected a string that is not empty',
      '36:28 output.reject_errored.broker.outputs.1.switch.cases.2.output.redpanda.topic: expected a string that is not empty and is the same for every record',
    ]);
  });

  it('two components with one label, and the line of the first', () => {
    const text = minimalWith(
      ['input:', 'input:\n  label: same'],
      ['        - dicom_store:', '        - label: same\n          dicom_store:'],
    );
    expect(lintText(text)).toEqual([
      '17:18 output.reject_errored.broker.outputs.0.label: the component in line 2 already has this label',
    ]);
  });

  it('two databases with one label', () => {
    const database = '{ label: db, dicom_store: { driver: postgres, dsn: "postgres://user@localhost:5432/NAME" } }';
    const text = minimalWith([
      '        - switch:',
      `        - ${database.replace('NAME', 'a')}\n        - ${database.replace('NAME', 'b')}\n        - switch:`,
    ]);
    expect(lintText(text)).toEqual([
      '20:20 output.reject_errored.broker.outputs.2.label: the component in line 19 already has this label',
    ]);
    expect(lintText(text.replace('label: db', 'label: other'))).toEqual([]);
  });

  it('a file that is missing, not text, empty, or a list', () => {
    expect(() => loadConfig(`${folder}/none.yaml`, { env: {} })).toThrow(/none\.yaml\(1,1\) cannot be read \(ENOENT\)/);
    expect(lintText(Uint8Array.of(0x61, 0xff))).toEqual(['1:1 is not UTF-8 text']);
    expect(lintText('')).toEqual(['1:1 expected a mapping with input, pipeline and output']);
    expect(lintText('- a\n')).toEqual(['1:1 expected a mapping with input, pipeline and output']);
  });

  it('aliases that expand beyond any configuration, without expanding them', () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const inner =
        level === 0
          ? '[x]'
          : `[${Array(10)
              .fill(`*l${level - 1}`)
              .join(', ')}]`;
      return `l${level}: &l${level} ${inner}\n`;
    }).join('');
    expect(lintText(levels)).toContainEqual(expect.stringContaining('nested too deeply or too large'));
    expect(lintText('a: &a [*a]\n')).toEqual(['1:8 an alias contains itself']);
  });
});

describe('loadConfig', () => {
  it('throws a ConfigError that prints one line per issue: file(line,column) message', () => {
    const file = writeText(minimalWith(['[/data]', '[]'], ['driver: postgres', 'driver: oracle']));
    let thrown: unknown;
    try {
      loadConfig(file, { env: {} });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConfigError);
    expect((thrown as ConfigError).message.split('\n')).toEqual([
      `${file}(11,24) pipeline.processors.0.group_dicom_state.storage_roots: expected at least one entry`,
      `${file}(17,21) output.reject_errored.broker.outputs.0.dicom_store.driver: ${EXPECTED_DRIVER}`,
    ]);
  });
});
