import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { storeMeta } from '../../src/testing/store-meta.ts';
import { findConnect } from '../support/connect.ts';

const fromRoot = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const COMMAND = fromRoot('dist/src/cli/wado-consumer.cjs');
const FILES = fromRoot('test/fixtures/dicom/files');
const shipped = readFileSync(fromRoot('redpanda.yaml'), 'utf8');
const connect = findConnect();
const folder = mkdtempSync(path.join(tmpdir(), 'test-verb-'));

const environment = { STORAGE_ROOT: FILES, FILE_WAIT: '0s' };
const image = storeMeta({ file_path: path.join(FILES, 'syn_ele.dcm') });
const kafka = { kafka_topic: 'in', kafka_partition: 0, kafka_offset: 6, kafka_key: 'k' };
const input_batch = [{ json_content: image }, { content: 'not json', metadata: kafka }];

const PASSES = {
  name: 'makes an object, a state and an image of a file, and a dead letter of other text',
  environment,
  input_batch,
  output_batches: [
    [
      { metadata_equals: { record_type: 'object' }, json_contains: { trace_id: image.trace_id } },
      { bloblang: '@record_type == "state"', content_matches: '^\\{"tenant_id":"tenant1"' },
      { metadata_equals: { record_type: 'image' } },
      {
        metadata_equals: { record_type: 'dead_letter', key: 'k', '__streams.errors.code': 'not_json' },
        content_equals: 'not json',
      },
    ],
  ],
};
const FAILS = {
  name: 'expects something else',
  environment,
  target_processors: 'group_dicom_state',
  input_batches: [input_batch, [{ content: 'text' }]],
  output_batches: [
    [
      { metadata_equals: { record_type: 'state' } },
      { bloblang: '@record_type == "image"' },
      { metadata_equals: { record_type: 'image', nothing: 1 } },
    ],
  ],
};
const TOO_FEW = { ...FAILS, name: 'expects more', input_batches: [], output_batches: [[{ content_equals: 'a' }]] };

/** Writes the shipped configuration with these tests, in the file itself or beside it. */
function configuration(name: string, tests: readonly object[], beside = false, text = shipped): string {
  // As JSON, because Redpanda Connect reads an unquoted date as a time.
  const written = `tests: ${JSON.stringify(tests, null, 1)}\n`;
  writeFileSync(path.join(folder, `${name}.yaml`), beside ? text : `${text}\n${written}`);
  if (beside) writeFileSync(path.join(folder, `${name}_benthos_test.yaml`), written);
  return `${name}.yaml`;
}

function run(command: string, args: readonly string[]) {
  const env = { ...process.env, RPC_PLUGINS: fromRoot('plugins/*.yaml') };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', env });
  // A record says when it was made.
  return { code: status, stdout: stdout.replaceAll(/(ated_time":")[^"]*/g, '$1'), stderr };
}
const ours = (...args: readonly string[]) => run(process.execPath, [COMMAND, 'test', ...args]);

describe('test', { timeout: 120_000 }, () => {
  it('runs the tests of a file against its processor', () => {
    expect(ours(configuration('inside', [PASSES]))).toEqual({
      code: 0,
      stdout: "Test 'inside.yaml' succeeded\n",
      stderr: '',
    });
  });

  it('runs those of NAME_benthos_test.yaml, whichever of the two files is named', () => {
    configuration('beside', [PASSES], true);
    for (const file of ['beside.yaml', 'beside_benthos_test.yaml'])
      expect(ours('-v', file)).toMatchObject({ code: 0, stdout: `  - ${PASSES.name}\nTest 'beside.yaml' succeeded\n` });
  });

  it('exits with 1 when there are no tests', () => {
    expect(ours(configuration('none', []))).toEqual({ code: 1, stdout: 'No tests were found\n', stderr: '' });
  });

  it.each([
    ['a target that is not its processor', [{ ...PASSES, target_processors: '/input' }], /target_processors: expected/],
    ['a missing storage root', [{ ...PASSES, environment: {} }], /storage_roots\.0: there is no such folder/],
    ['a missing input file', [{ ...PASSES, input_batch: [{ file_content: 'x' }] }], /cannot be read \(ENOENT\)/],
    ['a test that only Redpanda Connect can run', [{ ...PASSES, mocks: { a: {} } }], /\(\d+,\d+\) tests\.0\.mocks: /],
  ])('exits with 1 and names %s', (_, tests, message) => {
    const { code, stdout, stderr } = ours(configuration('wrong', tests));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('runs the example of docs/compatibility.md', () => {
    const example =
      /```yaml\n(tests:[^`]*)```/.exec(readFileSync(fromRoot('docs/compatibility.md'), 'utf8'))?.[1] ?? '';
    writeFileSync(path.join(folder, 'example.yaml'), shipped);
    writeFileSync(path.join(folder, 'example_benthos_test.yaml'), example);
    expect(ours('example.yaml')).toEqual({ code: 0, stdout: "Test 'example.yaml' succeeded\n", stderr: '' });
  });

  it('lints the configuration, too', () => {
    const broken = shipped.replace('acks: all', 'acks: leader');
    const { code, stdout } = ours(configuration('lint', [PASSES], true, broken));
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^Test 'lint\.yaml' failed\n\nFailures:\n\n--- lint\.yaml ---\n\nLint: \(\d+,\d+\) .*acks: /,
    );
  });
});

describe.skipIf(connect === undefined)(
  'test beside a real Redpanda Connect with the plugins',
  { timeout: 120_000 },
  () => {
    it.each([
      ['that pass', [PASSES]],
      ['that fail', [FAILS, PASSES, TOO_FEW]],
    ])('prints the same and has the same exit code for tests %s', (title, tests) => {
      const file = configuration(`real-${title.replaceAll(' ', '-')}`, tests, true);
      const theirs = run(connect ?? '', ['test', '-v', file]);
      expect(ours('-v', file)).toEqual(theirs);
      expect(theirs.stdout).toContain('expects more [line'.repeat(tests.includes(TOO_FEW) ? 1 : 0));
    });
  },
);
