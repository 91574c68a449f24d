import { describe, expect, it } from 'vitest';
import { circlesOf, importsOf, lineCount, readImports, sourceFiles, vitestImports } from './imports.ts';

/**
 * The areas of the product from the bottom up, and what each may import beside itself: only areas above it in this list. A path names
 * a file or a folder; the longest that fits a file is its area.
 */
const VOCABULARY = ['src/errors.ts', 'src/records', 'src/ports.ts'];
const CLIENTS = ['src/config', 'src/kafka', 'src/dicom', 'src/databases', 'src/dead-letters'];
const NODES = ['src/operators', 'src/sinks', 'src/ops'];
const TOPOLOGY = [...VOCABULARY, ...CLIENTS, ...NODES];
const AREAS: readonly (readonly [area: string, mayImport: readonly string[]])[] = [
  ['src/errors.ts', []],
  ['src/records', ['src/errors.ts']],
  ['src/ports.ts', ['src/errors.ts', 'src/records']],
  ['src/dicom', VOCABULARY],
  ['src/databases', VOCABULARY],
  ['src/config', [...VOCABULARY, 'src/databases']],
  ['src/config-tests', ['src/errors.ts', 'src/config']],
  ['src/kafka', [...VOCABULARY, 'src/config']],
  ['src/operators', VOCABULARY],
  ['src/dead-letters', [...VOCABULARY, 'src/kafka']],
  ['src/sinks', [...VOCABULARY, 'src/kafka', 'src/dead-letters']],
  ['src/ops', [...VOCABULARY, 'src/config', 'src/kafka']],
  ['src/publish', [...VOCABULARY, 'src/dicom']],
  ['src/samples', [...VOCABULARY, 'src/dicom', 'src/publish']],
  ['topology', TOPOLOGY],
  ['src/runtime', [...TOPOLOGY, 'topology']],
  ['src/connect-plugin', ['src/config']],
  ['src/plugins', [...TOPOLOGY, 'topology', 'src/runtime', 'src/connect-plugin']],
  ['src/embedded', [...TOPOLOGY, 'topology', 'src/runtime', 'src/publish', 'src/samples']],
  ['src/testing', [...TOPOLOGY, 'topology', 'src/publish', 'src/samples', 'src/embedded']],
  ['src/index.ts', [...TOPOLOGY, 'topology', 'src/runtime']],
  [
    'src/cli',
    [
      ...TOPOLOGY,
      'topology',
      'src/runtime',
      'src/publish',
      'src/samples',
      'src/embedded',
      'src/connect-plugin',
      'src/plugins',
      'src/config-tests',
    ],
  ],
];

const MAX_LINES = 400;

const product = sourceFiles('src', 'topology');
const graph = new Map(product.map((file) => [file, importsOf(file)]));

function areaOf(file: string): string | undefined {
  return AREAS.map(([area]) => area).find((area) => file === area || file.startsWith(`${area}/`));
}

describe('the product’s imports', () => {
  it('point from the runtime through the topology to clients and ports, never back', () => {
    const allowed = new Map(AREAS);
    const wrong = product.flatMap((file) =>
      importsOf(file).flatMap((imported) => {
        const [from = '', to = ''] = [areaOf(file), areaOf(imported)];
        return from === to || allowed.get(from)?.includes(to) === true ? [] : [`${file} → ${imported}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('form no circle, type-only imports included', () => {
    expect(circlesOf(graph)).toEqual([]);
  });

  it('leave the interpretation of a record’s origin to the Kafka client and to what builds the nodes', () => {
    const readers = product.filter((file) => importsOf(file).includes('src/kafka/consumer/origin.ts'));
    expect(readers.filter((file) => /^src\/(operators|sinks|ops|databases|records)\//.test(file))).toEqual([]);
  });
});

describe('the table of areas', () => {
  it('places every product file, and lets an area import only areas above it', () => {
    expect(product.filter((file) => areaOf(file) === undefined)).toEqual([]);
    const order = AREAS.map(([area]) => area);
    for (const [area, mayImport] of AREAS)
      for (const other of mayImport)
        expect(order.indexOf(other), `${area} → ${other}`).toBeLessThan(order.indexOf(area));
  });
});

describe('every TypeScript file', () => {
  it(`has at most ${MAX_LINES} lines`, () => {
    const files = sourceFiles('src', 'topology', 'test', 'bench');
    expect(files.filter((file) => lineCount(file) > MAX_LINES)).toEqual([]);
  });

  it('is short: the median file of the product has fewer than 120 lines', () => {
    const lengths = product.map(lineCount).sort((a, b) => a - b);
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThan(120);
  });
});

describe('every test file', () => {
  it('uses `it`, so that a title reads as a sentence after its describe', () => {
    const tests = sourceFiles('test').filter((file) => file.endsWith('.test.ts'));
    expect(tests.length).toBeGreaterThan(50);
    expect(tests.filter((file) => vitestImports(file).includes('test'))).toEqual([]);
  });
});

describe('the reader of imports', () => {
  it('finds every form of import, and none in a comment', () => {
    const text = [
      "import type { A } from './a.ts';",
      "import {\n  b,\n} from '../b.ts';",
      "import './c.ts';",
      "export * from './d.ts';",
      "const e = await import('./e.ts');",
      "type F = import('./f.ts').F;",
      "import fs from 'node:fs';",
      "// import { g } from './g.ts';",
      "/** import { h } from './h.ts'; */",
    ].join('\n');
    expect(readImports(text)).toEqual(['./a.ts', '../b.ts', './c.ts', './d.ts', './e.ts', './f.ts']);
  });

  it('finds circles of any length, and none in a graph without one', () => {
    const edges = (...pairs: readonly string[]) =>
      new Map(pairs.map((pair) => [pair.slice(0, 1), pair.slice(1).split('')] as const));
    expect(circlesOf(edges('abc', 'bd', 'cd', 'd'))).toEqual([]);
    expect(circlesOf(edges('ab', 'bc', 'cad', 'de', 'ed', 'fa'))).toEqual([
      ['d', 'e'],
      ['a', 'b', 'c'],
    ]);
  });
});
