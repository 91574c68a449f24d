// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the configuration, not of this program

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpolate } from '../../src/config/interpolate.ts';
import { SourceText } from '../../src/config/source-text.ts';
import { lintText, minimalWith, writeText } from './fixture.ts';

function text(source: string, env: Record<string, string> = {}): string {
  return new SourceText(source, env).text;
}

const variable = (inside: string) => `\${${inside}}`;

describe('interpolation', () => {
  // Each row was read back from `redpanda-connect echo`.
  it.each([
    ['a variable', variable('A'), { A: 'x' }, 'x'],
    ['a default when unset', variable('A:x'), {}, 'x'],
    ['a default when empty', variable('A:x'), { A: '' }, 'x'],
    ['nothing for an empty variable', variable('A'), { A: '' }, ''],
    ['an empty default', variable('A:'), {}, ''],
    ['a default with colons', variable('A:localhost:9092'), {}, 'localhost:9092'],
    ['the value, not the default', variable('A:x'), { A: 'y' }, 'y'],
    ['a variable in a default as it is written', variable(`A:${variable('B')}`), { B: 'x' }, variable('B')],
    ['dots and digits in a name', variable('a.B_1'), { 'a.B_1': 'x' }, 'x'],
    ['an escaped variable', variable('{A}'), { A: 'x' }, variable('A')],
    ['an escaped variable with a default', variable('{A:y}'), { A: 'x' }, variable('A:y')],
    ['a variable inside an escape', variable(`{A:${variable('B')}}`), { B: 'x' }, variable('A:x')],
    ['no name', variable(''), {}, variable('')],
    ['a dash in a name', variable('A-B'), { 'A-B': 'x' }, variable('A-B')],
    ['a record interpolation', variable('! @key '), {}, variable('! @key ')],
    ['line breaks as backslash n', variable('A'), { A: 'x\ny\n' }, 'x\\ny\\n'],
    ['base64', variable('A|base64decode'), { A: 'aGVsbG8=' }, 'hello'],
    ['base64 with a default', variable('A:eA==|base64decode'), {}, 'x'],
  ])('gives %s', (_, source, env, result) => {
    expect(text(`a: "${source}" # ${source}`, env)).toBe(`a: "${result}" # ${result}`);
  });

  it('replaces variables in comments, too, so that an unset one there is an error', () => {
    expect(lintText(minimalWith(['input:', `# ${variable('FORGOTTEN')}\ninput:`]))).toEqual([
      '1:3 required environment variable FORGOTTEN is not set, nor is FORGOTTEN_FILE',
    ]);
  });

  it('reports every unset variable at its position, and no problem that follows from it', () => {
    const source = minimalWith(
      ['[/data]', `[${variable('ROOT')}]\n        workers: ${variable('WORKERS')}`],
      ['postgres://user@localhost:5432/dicom', `"${variable('DSN')}"`],
    );
    expect(lintText(source)).toEqual([
      '11:25 required environment variable ROOT is not set, nor is ROOT_FILE',
      '12:18 required environment variable WORKERS is not set, nor is WORKERS_FILE',
      '19:19 required environment variable DSN is not set, nor is DSN_FILE',
    ]);
  });

  it('reports an unknown function and invalid base64', () => {
    const source = minimalWith(['[/data]', `[/data, "${variable('A|rot13')}", "${variable('B|base64decode')}"]`]);
    expect(lintText(source, { env: { A: 'x', B: '*' } })).toEqual([
      '11:33 ${A|…} uses an unknown function (known: base64decode)',
      '11:47 the value of ${B|base64decode} is not base64',
    ]);
  });

  it('counts lines and columns in the file as written, whatever the length of the values', () => {
    const long = 'x'.repeat(500);
    const source = minimalWith(
      ['topics: [storage_queue]', `topics: ["${variable('LONG')}", "${variable('LONG')}"]`],
      ['consumer_group: group', `consumer_group: "${variable('LONG')}${variable('{LONG}')}"\n    start_offset: 1`],
    );
    expect(lintText(source, { env: { LONG: long } })).toEqual([
      '6:19 input.redpanda.start_offset: expected one of earliest, latest, committed',
    ]);
  });

  it('reads NAME_FILE for an unset variable, without the newline at its end', () => {
    const env = { A_FILE: writeText('from file\n', 'a.txt') };
    expect(text(variable('A'), env)).toBe('from file');
    expect(text(variable('A:default'), env)).toBe('from file');
    expect(text(variable('A'), { ...env, A: '' })).toBe('from file');
    expect(text(variable('A'), { ...env, A: 'set' })).toBe('set');
    expect(text(variable('A'), { A_FILE: writeText('x\r\n', 'b.txt') })).toBe('x');
    expect(text(variable('A'), { A_FILE: writeText('x\n\n', 'c.txt') })).toBe('x\\n');
  });

  it('names the variable and the file that cannot be read', () => {
    const source = minimalWith(['/data', variable('ROOT:/data')]);
    expect(lintText(source, { env: { ROOT_FILE: '/nowhere/root.txt' } })).toEqual([
      "11:25 ROOT_FILE names /nowhere/root.txt, which can't be read (ENOENT)",
    ]);
  });
});

describe('for any text', () => {
  const fragment = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'ab:${}|!\n "#é') }),
    fc.constantFrom(variable('A'), variable('B:d'), variable('{A}'), variable('MISSING:x')),
  );
  const source = fc.array(fragment).map((parts) => parts.join(''));
  const value = fc.string({ unit: fc.constantFrom(...'xyz\n:"') });
  const env = fc.record({ A: value, B: value });

  it('text without a dollar is unchanged', () => {
    fc.assert(
      fc.property(
        fc.string().filter((any) => !any.includes('$')),
        env,
        (any, variables) => {
          expect(text(any, variables)).toBe(any);
        },
      ),
    );
  });

  it('every literal character maps to its position in the file', () => {
    fc.assert(
      fc.property(source, env, (written, variables) => {
        const { segments } = interpolate(written, variables);
        for (const segment of segments) {
          if (segment.variable === undefined) expect(written.slice(segment.from, segment.to)).toBe(segment.text);
        }
        const result = new SourceText(written, variables);
        let offset = 0;
        for (const segment of segments) {
          if (segment.variable === undefined && segment.text !== '') {
            const before = written.slice(0, segment.from);
            expect(result.placeOf(offset)).toEqual({
              line: before.split('\n').length,
              column: before.length - before.lastIndexOf('\n'),
            });
          }
          offset += segment.text.length;
        }
      }),
    );
  });

  it('agrees with the two passes of Redpanda Connect', () => {
    // Its ReplaceEnvVariables, transliterated: variables first, then the escaped ones in what came out.
    const reference = (written: string, variables: Record<string, string>) =>
      written
        .replaceAll(/\$\{[0-9A-Za-z_.]+(:((\$\{[^}]+\})|[^}])*)?(?:\|[0-9A-Za-z]+)?\}/g, (content) => {
          const colon = content.indexOf(':');
          const name = content.slice(2, colon === -1 ? -1 : colon);
          const found = variables[name];
          const result = colon === -1 ? (found ?? 'unset') : found || content.slice(colon + 1, -1);
          return result.replaceAll('\n', '\\n');
        })
        .replaceAll(/\$\{(\{[0-9A-Za-z_.]+(:((\$\{[^}]+\})|[^}])*)?\})\}/g, '$$$1');
    fc.assert(
      fc.property(
        source.filter((written) => !written.includes('|')),
        env,
        (written, variables) => {
          expect(text(written, variables)).toBe(reference(written, variables));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
