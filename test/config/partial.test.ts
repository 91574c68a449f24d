import { describe, expect, it } from 'vitest';
import { loadConfig, loadPartialConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/errors.ts';
import { lintText, MINIMAL, minimalWith, writeText } from './fixture.ts';

const PIPELINE = 'pipeline:\n  processors:\n    - group_dicom_state:\n        storage_roots: [/data]\n';
const STORE =
  '        - dicom_store:\n            driver: postgres\n            dsn: postgres://user@localhost:5432/dicom\n';
const from = (start: string, end: string) => MINIMAL.slice(MINIMAL.indexOf(start), MINIMAL.indexOf(end));
const STATE = from(
  `              - check: '@record_type == "state"'`,
  `              - check: '@record_type == "image"'`,
);
const IMAGE = from(
  `              - check: '@record_type == "image"'`,
  `              - check: '@record_type == "dead_letter"'`,
);
const PRODUCER: readonly [string, string] = [
  '<<: *producer\n                    topic: dead',
  `seed_brokers: ["localhost:9092"]\n                    key: \${! @key }\n                    topic: dead`,
];
/** Input and dead letters only. */
const LEAST = minimalWith(PRODUCER, [PIPELINE, ''], [STORE, ''], [STATE, ''], [IMAGE, '']);

const load = (text: string) => loadPartialConfig(writeText(text), { env: {} });
const issuesOf = (text: string) => {
  try {
    load(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ line, message }) => `${line} ${message}`);
  }
  return [];
};

describe('a partial configuration', () => {
  it('needs only an input and the dead-letter topic, and has the defaults of everything else', () => {
    const { databases, topics, group, input } = load(LEAST);
    expect(databases).toEqual([]);
    expect([topics.state, topics.image, topics.deadLetter.topic]).toEqual([undefined, undefined, 'dead']);
    expect(topics.producer).toEqual(loadConfig(writeText(MINIMAL), { env: {} }).topics.producer);
    const whole = loadConfig(writeText(MINIMAL), { env: {} });
    expect(group).toEqual({ ...whole.group, label: '', path: 'root.pipeline', storageRoots: [] });
    expect(input).toEqual(whole.input);
  });

  it('may have no processor and still name its threads', () => {
    expect(load(minimalWith([PIPELINE, 'pipeline: { threads: 3, processors: [] }\n'])).group).toMatchObject({
      concurrency: 3,
      storageRoots: [],
    });
  });

  it('is the same as a whole one when nothing is missing', () => {
    const file = writeText(MINIMAL);
    expect(loadPartialConfig(file, { env: {} })).toEqual(loadConfig(file, { env: {} }));
  });

  it.each([
    ['a processor without storage roots', minimalWith(['storage_roots: [/data]', 'workers: 2']), 'storage_roots'],
    ['a state topic without an image topic', minimalWith([IMAGE, '']), 'no case for image'],
    [
      'an image topic without a state topic',
      minimalWith(PRODUCER, [STATE, '']).replace(
        '<<: *producer',
        `seed_brokers: [a]\n                    key: \${! @key }`,
      ),
      'no case for state',
    ],
    [
      'no dead-letter topic',
      LEAST.slice(0, LEAST.indexOf('              - check')).replace('cases:', 'cases: []'),
      'no case for dead_letter',
    ],
    [
      'a misspelled field',
      LEAST.replace('topics: [storage_queue]', 'topics: [a]\n    topicz: [a]'),
      'unknown field topicz',
    ],
  ])('still reports %s', (_, text, message) => {
    expect(issuesOf(text).join('\n')).toContain(message);
  });

  it('is not accepted by lint and by loadConfig, which name each missing part', () => {
    const [pipeline, stores, topics, ...others] = lintText(LEAST);
    expect(pipeline).toContain('pipeline: is required');
    expect(stores).toContain('expected at least one dicom_store');
    expect(topics).toContain('no case for state, image (@record_type == "…")');
    expect(others).toEqual([]);
    expect(() => loadConfig(writeText(LEAST), { env: {} })).toThrow(ConfigError);
  });
});
