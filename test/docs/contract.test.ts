import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sections = new Set(
  [...readFileSync(join(root, 'docs/contract.md'), 'utf8').matchAll(/^#{2,3} (.+)$/gm)].map(([, name = '']) => name),
);

interface Citation {
  readonly file: string;
  readonly section: string;
}

/** Sections cited in comments: `docs/contract.md, "Identity" and "Duplicates"`. */
function citations(): readonly Citation[] {
  return ['src', 'topology', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('contract.test.ts'))
      .flatMap((name) => {
        const text = readFileSync(join(root, folder, name), 'utf8').replaceAll(/\n *(?:\*|\/\/) */g, ' ');
        return [...text.matchAll(/docs\/contract\.md, ("[^"]+"(?:(?:,| and) "[^"]+")*)/g)].flatMap(([, list = '']) =>
          [...list.matchAll(/"([^"]+)"/g)].map(([, section = '']) => ({ file: `${folder}/${name}`, section })),
        );
      }),
  );
}

describe('comments that cite docs/contract.md', () => {
  it('name sections that it has', () => {
    const cited = citations();
    expect(cited.length).toBeGreaterThan(20);
    expect(cited.filter(({ section }) => !sections.has(section))).toEqual([]);
  });

  it('are the only ones that cite a contract', () => {
    const without = ['src', 'topology'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .filter((name) =>
          /(?<!docs\/)\bcontract, "|\bthe contract\b/.test(readFileSync(join(root, folder, name), 'utf8')),
        ),
    );
    expect(without).toEqual([]);
  });
});
