import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const PROMISES = 25;

/** `| 7 | what | `test/a.test.ts`: a title<br>`test/b.test.ts`: another | broken |` */
const rows = readFileSync(fromRoot('docs/guarantees.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, number, promise = '', shown = '', broken = ''] =
      /^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$/.exec(line) ?? [];
    const tests = shown.split('<br>').map((each) => {
      const [, file = '', title = ''] = /^`((?:test\/[\w./-]+\.test|bench\/[\w-]+)\.ts)`: (.+)$/.exec(each) ?? [];
      return { each, file, title };
    });
    return number === undefined ? [] : [{ number: Number(number), promise, tests, broken }];
  });

describe('the table of guarantees', () => {
  it('has each promise once, in order, with what was broken to see its test fail', () => {
    const numbers = rows.map(({ number }) => number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(numbers.slice(0, PROMISES)).toEqual(Array.from({ length: PROMISES }, (_, i) => i + 1));
    expect(rows.filter(({ broken }) => broken.trim() === '')).toEqual([]);
  });

  it('names tests that exist, by words of their titles', () => {
    const lost = rows.flatMap(({ number, tests }) =>
      tests
        .filter(({ file, title }) => file === '' || !existsSync(fromRoot(file)) || !hasTitle(file, title))
        .map(({ each }) => `${number}: ${each}`),
    );
    expect(lost).toEqual([]);
  });
});

/** A benchmark has no titles. Otherwise whether a title of the file's tests or suites holds these words: anything behind a quote that a call of them opens. */
function hasTitle(file: string, words: string): boolean {
  if (file.startsWith('bench/')) return true;
  const source = readFileSync(fromRoot(file), 'utf8');
  const titles = source.matchAll(
    /(?:\b(?:it|describe|describe\w+)(?:\.\w+(?:<[^>]*>)?)?\(|\]\)\(|as const\)\()[^'"`]*(['"`])([\s\S]*?)\1/g,
  );
  return [...titles].some(([, , title]) => title?.includes(words) === true);
}
