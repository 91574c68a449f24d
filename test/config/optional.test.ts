import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { lintText, MINIMAL, minimalWith, writeText } from './fixture.ts';

const UNORDERED = '    unordered_processing:\n      enabled: true\n';
const load = (unordered: string) => loadConfig(writeText(minimalWith([UNORDERED, unordered])), { env: {} });

describe('a file without fields that are optional in Redpanda Connect', () => {
  it.each([
    ['without unordered_processing', ''],
    ['with unordered_processing switched off', '    unordered_processing: { enabled: false }\n'],
    ['with an empty unordered_processing', '    unordered_processing: {}\n'],
  ])('is processed in order %s', (_, unordered) => {
    expect(load(unordered).input).toMatchObject({ inOrder: true, checkpointLimit: 1024 });
  });

  it.each([
    ['no batching', '', { count: 50, periodMs: 5000, flushWhenIdle: true }],
    ['a size', 'batching: { byte_size: 1MB }', { count: 50, byteSize: 1e6, periodMs: 5000, flushWhenIdle: true }],
    ['no size', 'batching: { byte_size: 0 }', { count: 50, periodMs: 5000, flushWhenIdle: true }],
    ['only a count', 'batching: { count: 7 }', { count: 7, periodMs: 5000, flushWhenIdle: false }],
    ['only a period', 'batching: { period: 1s }', { count: 50, periodMs: 1000, flushWhenIdle: false }],
    [
      'a period and flush_when_idle',
      'batching: { period: 1s, flush_when_idle: true }',
      { count: 50, periodMs: 1000, flushWhenIdle: true },
    ],
    [
      'a checkpoint_limit below the default count',
      'checkpoint_limit: 10',
      { count: 10, periodMs: 5000, flushWhenIdle: true },
    ],
  ])('lets no record wait for a period that the file does not name: %s', (_, field, batching) => {
    const { input } = load(`${UNORDERED}      ${field}\n`);
    expect(input).toMatchObject({ inOrder: false, batching });
  });

  it.each([
    ['logfmt by default', '', 'logfmt'],
    ['logfmt', 'logger: { format: logfmt }\n', 'logfmt'],
    ['json', 'logger: { format: json }\n', 'json'],
  ])('logs %s', (_, logger, format) => {
    expect(loadConfig(writeText(logger + MINIMAL), { env: {} }).logger.format).toBe(format);
  });
});

describe('the options of lint', () => {
  const unset = minimalWith(['[/data]', `["\${ROOT}"]`], ['consumer_group: group', `consumer_group: \${GROUP}`]);

  it('report variables that are unset, unless skipUnset is given', () => {
    expect(lintText(unset)).toEqual([
      '5:21 required environment variable GROUP is not set, nor is GROUP_FILE',
      '11:26 required environment variable ROOT is not set, nor is ROOT_FILE',
    ]);
    expect(lintText(unset, { skipUnset: true })).toEqual([]);
  });

  it('report every other problem of a variable with skipUnset, too', () => {
    const text = unset.replace(`\${GROUP}`, `\${GROUP|nothing}`);
    expect(lintText(text, { skipUnset: true, env: { GROUP: 'g', KEY_FILE: '/nowhere' } })).toEqual([
      `5:21 \${GROUP|…} uses an unknown function (known: base64decode)`,
    ]);
    expect(lintText(unset, { skipUnset: true, env: { GROUP_FILE: '/nowhere' } })).toEqual([
      "5:21 GROUP_FILE names /nowhere, which can't be read (ENOENT)",
    ]);
  });

  it('report every component without a label with requireLabels', () => {
    const labelled = minimalWith(['input:', 'input:\n  label: in']);
    expect(lintText(labelled)).toEqual([]);
    expect(lintText(labelled, { requireLabels: true })).toEqual([
      '11:7 pipeline.processors.0.group_dicom_state: label is required',
      '14:3 output.reject_errored: label is required',
      '15:5 output.reject_errored.broker: label is required',
      '17:11 output.reject_errored.broker.outputs.0.dicom_store: label is required',
      '20:11 output.reject_errored.broker.outputs.1.switch: label is required',
      '24:19 output.reject_errored.broker.outputs.1.switch.cases.0.output.redpanda: label is required',
      '30:19 output.reject_errored.broker.outputs.1.switch.cases.1.output.redpanda: label is required',
      '35:19 output.reject_errored.broker.outputs.1.switch.cases.2.output.redpanda: label is required',
    ]);
  });
});
