/** Converts YAML nodes to plain values, and finds the node at a path in these values. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
} from 'yaml';

export type Path = readonly (string | number)[];

/** An unquoted scalar that YAML doesn't read as a string, with its spelling: `007` may be meant as a string. */
export class BareScalar {
  readonly value: number | boolean | null;
  readonly source: string;

  constructor(value: number | boolean | null, source: string) {
    this.value = value;
    this.source = source;
  }
}

// More than any configuration needs; bounds what nested aliases can make of a small file.
const MOST_NODES = 20_000;

/** Thrown for a node that has no plain value. */
export class TreeError extends Error {
  override readonly name = 'TreeError';
  readonly node: Node;

  constructor(message: string, node: Node) {
    super(message);
    this.node = node;
  }
}

/** Mappings become objects, sequences arrays, strings strings, other scalars BareScalars. Throws a TreeError. */
export function toPlain(document: Document, root: unknown): unknown {
  let nodes = 0;
  const convert = (node: unknown, open: readonly unknown[]): unknown => {
    if (!isNode(node)) return new BareScalar(null, '');
    if (++nodes > MOST_NODES || open.length > 100)
      throw new TreeError('the file is nested too deeply or too large', node);
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target === undefined) throw new TreeError('an alias has no anchor before it', node);
      if (open.includes(target)) throw new TreeError('an alias contains itself', node);
      return convert(target, [...open, target]);
    }
    if (isMap(node)) {
      return Object.fromEntries(
        pairsOf(document, node).map(([key, pair]) => [key, convert(pair.value, [...open, node])] as const),
      );
    }
    if (isSeq(node)) return node.items.map((item) => convert(item, [...open, node]));
    if (isScalar(node)) {
      const { value } = node;
      if (typeof value === 'number' || typeof value === 'boolean' || value === null) {
        return new BareScalar(value, node.source ?? '');
      }
      return typeof value === 'bigint' ? new BareScalar(Number(value), node.source ?? '') : String(value);
    }
    throw new TreeError('this kind of YAML node is not supported', node);
  };
  return convert(root, []);
}

/** The nodes at a path, and how many steps of the path exist. */
export interface Found {
  readonly steps: number;
  readonly key: Node | undefined;
  readonly value: Node | undefined;
}

/** Follows the path as far as it exists in the document. */
export function find(document: Document, path: Path): Found {
  let found: Found = { steps: 0, key: undefined, value: document.contents ?? undefined };
  for (const step of path) {
    const parent = resolveAlias(document, found.value);
    let key: unknown;
    let value: unknown;
    if (isMap(parent)) {
      const pair = pairAt(document, parent, step);
      if (pair === undefined) return found;
      ({ key, value } = pair);
    } else if (isSeq(parent) && typeof step === 'number' && step < parent.items.length) {
      value = parent.items[step];
      key = value;
    } else {
      return found;
    }
    found = {
      steps: found.steps + 1,
      key: isNode(key) ? key : undefined,
      value: isNode(value) ? value : undefined,
    };
  }
  return found;
}

export function resolveAlias(document: Document, node: Node | undefined): Node | undefined {
  return isAlias(node) ? node.resolve(document) : node;
}

const MOST_MERGES = 10;

/** The pairs of a mapping, including those of merge keys (`<<`). The mapping's own pairs win. */
function pairsOf(document: Document, map: YAMLMap, depth = 0): (readonly [string, Pair])[] {
  if (depth > MOST_MERGES) return [];
  const merged = new Map<string, Pair>();
  for (const source of mergedMaps(document, map)) {
    for (const [name, pair] of pairsOf(document, source, depth + 1)) if (!merged.has(name)) merged.set(name, pair);
  }
  const own = map.items.filter((pair) => !isMergeKey(keyOf(map, pair)));
  return [...new Map([...merged, ...own.map((pair) => [nameOf(keyOf(map, pair)), pair] as const)])];
}

/** One of `pairsOf`, without the others: a report of each of thousands of fields finds its field. */
function pairAt(document: Document, map: YAMLMap, name: string | number, depth = 0): Pair | undefined {
  if (depth > MOST_MERGES) return undefined;
  const own = map.items.findLast((pair) => {
    const key = keyOf(map, pair);
    return nameOf(key) === name && !isMergeKey(key);
  });
  if (own !== undefined) return own;
  for (const source of mergedMaps(document, map)) {
    const pair = pairAt(document, source, name, depth + 1);
    if (pair !== undefined) return pair;
  }
  return undefined;
}

/** The mappings that a mapping's merge keys name, in their order. */
function mergedMaps(document: Document, map: YAMLMap): readonly YAMLMap[] {
  return map.items.flatMap((pair) => {
    const key = keyOf(map, pair);
    if (!isMergeKey(key)) return [];
    const target = resolveAlias(document, isNode(pair.value) ? pair.value : undefined);
    return (isSeq(target) ? target.items : [target]).map((source) => {
      const node = resolveAlias(document, isNode(source) ? source : undefined);
      if (!isMap(node)) throw new TreeError('a merge key (<<) needs a mapping, or a list of them', key);
      return node;
    });
  });
}

function keyOf(map: YAMLMap, pair: Pair): Scalar {
  if (!isScalar(pair.key)) throw new TreeError('a key must be a single word or string', map);
  return pair.key;
}

function isMergeKey(key: Scalar): boolean {
  return key.source === '<<' && key.type === 'PLAIN';
}

function nameOf({ value, source }: Scalar): string {
  return typeof value === 'string' ? value : (source ?? '');
}
