import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

/** The TypeScript files under these folders of the repository, as paths from its root. */
export function sourceFiles(...folders: readonly string[]): readonly string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.[cm]?ts$/.test(entry.name))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
      .sort(),
  );
}

/** The number of lines of a file. */
export function lineCount(file: string): number {
  return textOf(file).replace(/\n$/, '').split('\n').length;
}

// Static imports and exports, side-effect imports, import() and import types: all of them name a module in a literal.
const SPECIFIER = /(?:\bfrom\s*|\bimport\s*\(?\s*)['"](\.[^'"]+)['"]/g;

/** The files that a file imports by a relative path, type-only imports included. */
export function importsOf(file: string): readonly string[] {
  return readImports(textOf(file)).map((specifier) => relative(ROOT, resolve(ROOT, dirname(file), specifier)));
}

/** The relative specifiers in a module's text. */
export function readImports(text: string): readonly string[] {
  return [...new Set([...withoutComments(text).matchAll(SPECIFIER)].map(([, specifier = '']) => specifier))];
}

/** The names that a test file imports from vitest. */
export function vitestImports(file: string): readonly string[] {
  const [, names = ''] = /import \{([^}]*)\} from 'vitest'/.exec(textOf(file)) ?? [];
  return names.split(',').map((name) => name.trim());
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The groups of nodes that reach each other, each sorted: Tarjan's strongly connected components with more than one node. */
export function circlesOf(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (node: string): number => {
    const own = index.size;
    index.set(node, own);
    low.set(node, own);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      const reached = index.has(next) ? (stack.includes(next) ? index.get(next) : undefined) : visit(next);
      if (reached !== undefined) low.set(node, Math.min(low.get(node) ?? own, reached));
    }
    const lowest = low.get(node) ?? own;
    if (lowest === own) {
      const circle = stack.splice(stack.indexOf(node));
      if (circle.length > 1) circles.push(circle.sort());
    }
    return lowest;
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return circles;
}
