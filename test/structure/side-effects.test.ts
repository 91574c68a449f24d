import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sourceFiles } from './imports.ts';

/** The modules that a bundler may not leave out, by their sources. */
const { sideEffects }: { readonly sideEffects: readonly string[] } = JSON.parse(readFileSync('package.json', 'utf8'));
const listed = sideEffects.map((built) => built.replace('./dist/', '').replace(/js$/, 'ts'));
const product = sourceFiles('src', 'topology');

/** What starts a thread or a process, or ends one: the program itself at the top level of its module. */
const RUNS = /^(await |if \((port|folder)\b|process\.(on|env)\b|void |endOnCrash\()/m;
/** Templates hold text that begins at the left, too. */
const codeOf = (file: string) => readFileSync(file, 'utf8').replace(/`[^`]*`/g, '``');

describe('the modules that have an effect when they are imported', () => {
  it('are those of package.json: the entries of processes and threads', () => {
    expect(product.filter((file) => RUNS.test(codeOf(file)))).toEqual(listed.toSorted());
  });

  it('are the only ones: no module is imported for its effect alone, which a bundler would leave out', () => {
    expect(product.flatMap((file) => codeOf(file).match(/^import '.*/gm) ?? [])).toEqual([]);
  });
});
