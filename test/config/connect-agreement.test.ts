// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the configuration, not of this program

import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { isMap, isScalar, isSeq, parseDocument, visit } from 'yaml';
import { SourceText } from '../../src/config/source-text.ts';
import { findConnect } from '../support/connect.ts';
import { lintText, MINIMAL, minimalWith, writeText } from './fixture.ts';

const connect = findConnect();

function run(args: readonly string[], env: Record<string, string> = {}): string {
  return execFileSync(connect ?? '', args, { env, encoding: 'utf8' });
}

/** Every field of some components as `create` writes them, but those that are optional and stand there as examples. */
function defaultsOf(expression: string) {
  const document = parseDocument(run(['create', expression]));
  visit(document, {
    Pair(_, pair) {
      const comment = isScalar(pair.value) || isSeq(pair.value) || isMap(pair.value) ? pair.value.comment : undefined;
      return comment?.includes('No default') ? visit.REMOVE : undefined;
    },
  });
  return document;
}

describe.skipIf(connect === undefined)('beside a real Redpanda Connect (scripts/connect/build.sh builds it)', () => {
  it('accepts every field of its input and its service at the default, and the same values', () => {
    const document = defaultsOf('redpanda//redpanda');
    for (const [key, value] of [
      ['seed_brokers', ['localhost:9092']],
      ['topics', ['storage_queue']],
      ['consumer_group', 'group'],
    ] as const) {
      document.setIn(['input', 'redpanda', key], value);
    }
    document.setIn(['input', 'redpanda', 'unordered_processing', 'enabled'], true);
    document.deleteIn(['input', 'redpanda', 'unordered_processing', 'batching']);
    document.setIn(['logger', 'format'], 'json');
    document.delete('pipeline');
    document.delete('output');
    expect(lintText(`${document}${MINIMAL.slice(MINIMAL.indexOf('pipeline:'))}`)).toEqual([]);
  });

  it('accepts every field of its output at the default', () => {
    const fields = defaultsOf('redpanda//redpanda').getIn(['output', 'redpanda']);
    if (!isMap(fields)) throw new Error('create has no output.redpanda');
    for (const key of ['seed_brokers', 'topic', 'key', 'metadata', 'partition']) fields.delete(key);
    const text = minimalWith(['topic: states', `topic: states\n                    <<: ${JSON.stringify(fields)}`]);
    expect(lintText(text)).toEqual([]);
  });

  it('replaces variables as it does', () => {
    const samples = [
      'A',
      'A:x',
      'MISSING:x',
      'MISSING:',
      'A:${B}',
      '{A}',
      '{A:x}',
      '{A:${B}}',
      '',
      'A-B',
      '! @key ',
      'E:d',
    ];
    const env = { A: 'value', B: 'inner', E: '' };
    const written = samples.map((sample, index) => `f${index}: "\${${sample}}"`);
    const text = `input: { stdin: {} }\nlogger:\n  static_fields:\n    ${written.join('\n    ')}\n`;
    const theirs = parseDocument(run(['echo', writeText(text)], env)).getIn(['logger', 'static_fields']);
    const ours = parseDocument(new SourceText(text, env).text).getIn(['logger', 'static_fields']);
    expect(isMap(ours) && ours.toJSON()).toEqual(isMap(theirs) && theirs.toJSON());
  });
});
