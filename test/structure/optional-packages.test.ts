import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Entry {
  readonly types: string;
  readonly default: string;
}
interface Manifest {
  readonly exports: Readonly<Record<string, Entry | string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}
const manifest: Manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const OPTIONAL = Object.keys(manifest.peerDependencies);
const ENTRIES = Object.entries(manifest.exports).filter(
  (entry): entry is [string, Entry] => typeof entry[1] !== 'string',
);

const STATIC = /^(?:import|export)\b[^;'"]*?['"]([^'"]+)['"]/gm;
/** Declarations also import within a type. */
const IN_A_TYPE = /\bimport\(['"]([^'"]+)['"]\)/g;

/** The packages that a built file needs to be loaded, or a declaration to be compiled, with those of the files that it imports. */
function packagesOf(file: string, found = new Set<string>(), seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return found;
  seen.add(file);
  const isTypes = file.endsWith('.d.ts');
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const patterns = isTypes ? [STATIC, IN_A_TYPE] : [STATIC];
  for (const [, name = ''] of patterns.flatMap((pattern) => [...text.matchAll(pattern)])) {
    if (!name.startsWith('.')) found.add(name);
    else packagesOf(join(dirname(file), name).replace(/\.(ts|js)$/, isTypes ? '.d.ts' : '.js'), found, seen);
  }
  return found;
}

describe.each(ENTRIES)('the entry %s', (path, entry) => {
  const allowed = path === './testing/vitest' ? ['vitest'] : [];

  it.each(['default', 'types'] as const)('needs no package that is optional: %s', (kind) => {
    const file = join(ROOT, entry[kind]);
    expect(existsSync(file)).toBe(true);
    const needed = packagesOf(file);
    expect(needed.size).toBeGreaterThan(kind === 'default' ? 0 : -1);
    expect(OPTIONAL.filter((name) => needed.has(name) && !allowed.includes(name))).toEqual([]);
  });
});
