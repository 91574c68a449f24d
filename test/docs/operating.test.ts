import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const markdown = readFileSync(fromRoot('docs/operating.md'), 'utf8');

/** The body rows of the tables in a section, as cells. */
function rowsOf(heading: string): readonly (readonly string[])[] {
  const text = markdown.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !line.startsWith('|---'))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

describe('the table "What happens when…"', () => {
  const rows = rowsOf('What happens when…').filter(([problem]) => problem !== 'problem');

  it('says for each problem what the service does, what is seen and what to do', () => {
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter((cells) => cells.length !== 5 || cells.some((cell) => cell === ''))).toEqual([]);
  });

  it('names a test that exists for each problem', () => {
    const missing = rows.filter(([, , , , tests = '']) => {
      const files = [...tests.matchAll(/`(test\/[\w./-]+\.ts)`/g)].map(([, file = '']) => file);
      return files.length === 0 || files.some((file) => !existsSync(fromRoot(file)));
    });
    expect(missing).toEqual([]);
  });
});

describe('the table "What holds up what"', () => {
  const rows = rowsOf('What holds up what').filter(([slow]) => slow !== 'slow or failing');

  it('says for each slow thing what waits, and names its bound, and tests that exist or a figure', () => {
    expect(rows.length).toBeGreaterThan(0);
    const files = (cell: string) => [...cell.matchAll(/`(test\/[\w./-]+\.ts)`/g)].map(([, file = '']) => file);
    const incomplete = rows.filter(([, waits, , bound, proof = '', ...more]) => {
      if (waits === '' || bound === '' || more.length > 0) return true;
      return proof === '' || files(proof).some((file) => !existsSync(fromRoot(file)));
    });
    expect(incomplete).toEqual([]);
  });
});

describe('the table of dead letters', () => {
  it('has every code that a dead letter can carry, and no other', () => {
    const source = readFileSync(fromRoot('src/errors.ts'), 'utf8');
    const codes = ['ParseErrorCode', 'DicomReadErrorCode'].flatMap((type) => {
      const union = new RegExp(`export type ${type} =([^;]+);`).exec(source)?.[1] ?? '';
      return [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code);
    });
    const documented = rowsOf('Dead letters').flatMap(([cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, code]) => code),
    );
    // What a sink refused.
    expect(documented.sort()).toEqual([...codes, 'rejected'].sort());
  });
});
