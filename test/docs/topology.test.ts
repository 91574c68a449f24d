import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const markdown = readFileSync(fromRoot('topology/README.md'), 'utf8').replaceAll(/\s+/g, ' ');

/** Each place of the form `name` (`path`), where the name is a function, or a class and its method. */
const places = [...markdown.matchAll(/`([\w.#]+)` \(`((?:src|topology)\/[\w/.-]+\.ts)`\)/g)].map(
  ([, name = '', path = '']) => ({ name, path }),
);

function isDefined(name: string, path: string): boolean {
  const text = existsSync(fromRoot(path)) ? readFileSync(fromRoot(path), 'utf8') : '';
  const [owner = '', method] = name.split('.');
  if (method === undefined) return new RegExp(`function ${owner}\\b`).test(text);
  return new RegExp(`class ${owner}\\b[\\s\\S]*\\n {2}(async )?${method}(<.*>)?\\(`).test(text);
}

describe('topology/README.md', () => {
  it('names each step from consume to commit by a function that its file defines', () => {
    expect(places.length).toBeGreaterThan(12);
    expect(places.filter(({ name, path }) => !isDefined(name, path))).toEqual([]);
  });

  it('names files that exist', () => {
    const paths = [...markdown.matchAll(/`((?:src|test|topology|docs)\/[\w/.-]+)`/g)].map(([, path = '']) => path);
    expect(paths.filter((path) => !existsSync(fromRoot(path)))).toEqual([]);
  });
});
