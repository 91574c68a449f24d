import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const textOf = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The names that a module exports from other files, with their files; `*` is resolved. */
function exportsOf(entry: string): readonly { readonly name: string; readonly file: string }[] {
  const text = textOf(entry);
  const named = [...text.matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)'/g)].flatMap(
    ([, names = '', from = '']) =>
      names
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter((name) => name !== '')
        .map((name) => ({ name, file: join(dirname(entry), from) })),
  );
  const stars = [...text.matchAll(/export (?:type )?\* from '([^']+)'/g)].flatMap(([, from = '']) => {
    const file = join(dirname(entry), from);
    return [...textOf(file).matchAll(DECLARATION)].map(([, name = '']) => ({ name, file }));
  });
  return [...named, ...stars];
}

const DECLARATION = /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const) (\w+)/gm;

/** Whether the declaration of a name follows a docstring. */
function hasDocstring({ name, file }: { readonly name: string; readonly file: string }): boolean {
  const text = textOf(file);
  const again = exportsOf(file).find((each) => each.name === name);
  if (again !== undefined) return hasDocstring(again);
  const at = [...text.matchAll(DECLARATION)].find(([, declared]) => declared === name)?.index;
  return at !== undefined && text.slice(0, at).endsWith('*/\n');
}

describe.each(['src/index.ts', 'src/testing/index.ts'])('every export of %s', (entry) => {
  it('has a docstring', () => {
    const names = exportsOf(entry);
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter(({ file }) => !existsSync(join(ROOT, file)))).toEqual([]);
    expect(names.filter((each) => !hasDocstring(each)).map(({ name, file }) => `${file}: ${name}`)).toEqual([]);
  });
});
