import { type Document, isMap, isSeq, type Node, parseDocument, visit } from 'yaml';
import type { ConfigIssue } from '../errors.ts';
import { find, type Path } from './yaml-tree.ts';

/** The nodes that `--set` put into a document, with the key of the expression each came from, and what was wrong. */
export interface Overrides {
  readonly origins: WeakMap<Node, string>;
  readonly issues: readonly ConfigIssue[];
}

/**
 * Applies `--set key=value` expressions to the document, in order, as Redpanda Connect does: the key is a path with dots, in which
 * a number is an index, `-` appends, `~1` is a dot and `~0` a tilde; the value is YAML. Variables are not replaced in it.
 */
export function applyOverrides(document: Document, expressions: readonly string[]): Overrides {
  const origins = new WeakMap<Node, string>();
  const issues: ConfigIssue[] = [];
  for (const expression of expressions) {
    const cut = expression.indexOf('=');
    const key = expression.slice(0, cut);
    const written = expression.slice(cut + 1);
    if (cut < 1 || written === '') {
      // The expression is not repeated: it may be a secret whose key was forgotten.
      issues.push({ file: '--set', line: 1, column: 1, message: 'expected key=value' });
      continue;
    }
    const file = originName(key);
    const value = parseDocument(written, { prettyErrors: false });
    if (value.errors.length > 0 || value.contents === null) {
      issues.push({ file, line: 1, column: 1, message: 'the value is not valid YAML' });
      continue;
    }
    visit(value.contents, { Node: (_, node) => void origins.set(node, file) });
    try {
      put(document, toPath(document, key), value.contents, (node) => origins.set(node, file));
    } catch {
      issues.push({
        file,
        line: 1,
        column: 1,
        message: 'no value can be set at this path: a part of it is not a mapping or a list',
      });
    }
  }
  return { origins, issues };
}

function originName(key: string): string {
  return `--set ${key}`;
}

/** Like `document.setIn`, but every key is a node, and nothing is changed through an alias: other uses of its anchor would change, too. */
function put(document: Document, path: Path, value: Node, created: (node: Node) => void): void {
  const fresh = () => {
    const map = document.createNode({});
    created(map);
    return map;
  };
  document.contents ??= fresh();
  let parent: unknown = document.contents;
  path.forEach((step, index) => {
    if (!isMap(parent) && !(isSeq(parent) && typeof step === 'number')) throw new TypeError('not a collection');
    const child: unknown = index === path.length - 1 ? value : (parent.get(step, true) ?? fresh());
    const key = document.createNode(step);
    created(key);
    parent.set(isMap(parent) ? key : step, child);
    parent = child;
  });
}

function toPath(document: Document, key: string): Path {
  const path: (string | number)[] = [];
  for (const part of key.split('.').map((raw) => raw.replaceAll('~1', '.').replaceAll('~0', '~'))) {
    const { steps, value: parent } = find(document, path);
    const inList = steps === path.length && isSeq(parent);
    if (inList && part === '-') path.push(parent.items.length);
    else path.push(inList && /^\d+$/.test(part) ? Number(part) : part);
  }
  return path;
}
