// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the configuration, not of this program
import { describe, expect, it } from 'vitest';
import { readEnvironment, readTerminalTraits } from '../../src/config/environment.ts';
import { lintConfig, loadConfig } from '../../src/config/load.ts';
import { formatConfigIssue } from '../../src/errors.ts';
import { lintText, MINIMAL, minimalWith, writeText } from './fixture.ts';

const minimal = writeText(MINIMAL);

function said(sets: readonly string[]): string[] {
  return lintConfig(minimal, { env: {}, sets }).map(formatConfigIssue);
}

describe('--set', () => {
  it('replaces and adds fields; the last one wins', () => {
    const config = loadConfig(minimal, {
      env: {},
      sets: [
        'input.redpanda.consumer_group=first',
        'input.redpanda.consumer_group=second',
        'input.redpanda.topics=[a, b]',
        'input.redpanda.topics.0=c',
        'input.redpanda.topics.-=d',
        'http.address=0.0.0.0:80',
        'pipeline.processors.0.group_dicom_state.workers=3',
        'logger.static_fields.a~1b=x',
      ],
    });
    expect(config.input).toMatchObject({ consumerGroup: 'second', topics: ['c', 'b', 'd'] });
    expect(config.http).toMatchObject({ host: '0.0.0.0', port: 80 });
    expect(config.group.workers).toBe(3);
    expect(config.logger.staticFields).toEqual({ 'a.b': 'x' });
  });

  it('sets missing_identity, which uses the message unless it is dead_letter', () => {
    const field = 'pipeline.processors.0.group_dicom_state.missing_identity';
    const group = (sets: readonly string[]) => loadConfig(minimal, { env: {}, sets }).group;
    expect(group([]).missingIdentity).toBe('use_message');
    expect(group([`${field}=dead_letter`]).missingIdentity).toBe('dead_letter');
    expect(said([`${field}=drop`])).toEqual([`--set ${field}(1,1) ${field}: expected one of use_message, dead_letter`]);
  });

  it('sets when a storage root counts as lost: a percentage, or never', () => {
    const field = 'pipeline.processors.0.group_dicom_state';
    const group = (sets: readonly string[]) => loadConfig(minimal, { env: {}, sets }).group;
    expect(group([])).toMatchObject({ missingFiles: 'wait', outageShare: 0.95, outageFiles: 200 });
    expect(group([`${field}.outage_share=80%`, `${field}.outage_files=50`])).toMatchObject({
      outageShare: 0.8,
      outageFiles: 50,
    });
    expect(group([`${field}.outage_share=never`]).outageShare).toBeUndefined();
    for (const invalid of ['0%', '101%', '95', '0.95', 'off', '9 5%'])
      expect(said([`${field}.outage_share=${invalid}`]), invalid).toEqual([
        `--set ${field}.outage_share(1,1) ${field}.outage_share: expected a percentage from 1% to 100%, or never`,
      ]);
  });

  it('is validated like the file, and named in its errors', () => {
    expect(said(['input.redpanda.start_offset=newest', 'http.adress=x'])).toEqual([
      '--set http.adress(1,1) unknown field adress in http (did you mean address?)',
      '--set input.redpanda.start_offset(1,1) input.redpanda.start_offset: expected one of earliest, latest, committed',
    ]);
  });

  it('requires key=value, a value in YAML and an existing path', () => {
    expect(said(['nonsense'])).toEqual(['--set(1,1) expected key=value']);
    expect(said(['a=[1'])).toEqual(['--set a(1,1) the value is not valid YAML']);
    expect(said(['input.redpanda.consumer_group.x=1'])).toEqual([
      '--set input.redpanda.consumer_group.x(1,1) no value can be set at this path: a part of it is not a mapping or a list',
    ]);
  });

  it('may set a secret', () => {
    const { databases } = loadConfig(minimal, {
      env: {},
      sets: ['output.reject_errored.broker.outputs.0.dicom_store.dsn=postgres://u:p@db/x'],
    });
    expect(databases[0]?.dsn.reveal()).toBe('postgres://u:p@db/x');
  });
});

describe('an env file', () => {
  const config = writeText(minimalWith(['consumer_group: group', 'consumer_group: ${GROUP}']));

  it('overrides the environment, and a later file an earlier one', () => {
    const first = writeText('# a comment\nGROUP=first\n', 'first.env');
    const second = writeText('GROUP="the second"\n', 'second.env');
    const group = (...envFiles: string[]) =>
      loadConfig(config, { env: { GROUP: 'environment' }, envFiles }).input.consumerGroup;
    expect(group()).toBe('environment');
    expect(group(first)).toBe('first');
    expect(group(first, second)).toBe('the second');
  });

  it('is named when it cannot be read', () => {
    expect(lintConfig(config, { env: {}, envFiles: ['/nowhere.env'] }).map(formatConfigIssue)).toEqual([
      '/nowhere.env(1,1) cannot be read (ENOENT)',
    ]);
  });
});

describe('the environment', () => {
  it("is the process's by default", () => {
    expect(readEnvironment().PATH).toBe(process.env.PATH);
    expect(lintText(minimalWith(['/data', '${PATH_THAT_IS_NOT_SET:/data}']))).toEqual([]);
  });

  it.each([
    ['a terminal', true, {}, { color: true, animate: true }],
    ['a pipe', false, {}, { color: false, animate: false }],
    ['a pipe that wants colour', false, { FORCE_COLOR: '1' }, { color: true, animate: false }],
    ['NO_COLOR', true, { NO_COLOR: '1', FORCE_COLOR: '1' }, { color: false, animate: true }],
    ['an empty NO_COLOR', true, { NO_COLOR: '' }, { color: true, animate: true }],
    ['CI', true, { CI: 'true' }, { color: false, animate: false }],
    ['CI=false', true, { CI: 'false' }, { color: true, animate: true }],
    ['a dumb terminal', true, { TERM: 'dumb' }, { color: false, animate: false }],
    ['FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, { color: false, animate: true }],
  ])('says for %s what a terminal program may do', (_, isTerminal, environment, traits) => {
    expect(readTerminalTraits(isTerminal, environment)).toEqual(traits);
  });
});
