import type { ComponentConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { suggest } from './suggest.ts';
import { BareScalar, type Path } from './yaml-tree.ts';

/** A component in Redpanda Connect's form: a mapping with the component's type as key and an optional label. */
export interface Component<Type extends string> extends ComponentConfig {
  readonly type: Type;
  /** The path of the type's own fields. */
  readonly body: Path;
}

const LABEL = /^[a-z0-9-][a-z0-9_-]*$/;

/**
 * Reads the component at a path. `runs` are the supported types; any other is reported by name.
 */
export function readComponent<const Type extends string>(
  document: ConfigDocument,
  path: Path,
  kind: 'input' | 'processor' | 'output',
  runs: readonly Type[],
): Component<Type> | undefined {
  const value = document.at(path);
  if (!isMapping(value)) {
    document.report(path, value === undefined ? 'is required' : `expected a mapping with one of ${runs.join(', ')}`);
    return undefined;
  }
  checkProcessors(document, path, value.processors);
  const label = readLabel(document, path, value.label);
  const names = Object.keys(value).filter((name) => name !== 'label' && name !== 'processors');
  const found = runs.filter((type) => names.includes(type));
  for (const name of names.filter((other) => !runs.some((type) => type === other))) {
    // Next to a supported type, or spelled similarly, it is a typing error; otherwise it is an unsupported component.
    const slip = found.length > 0 || suggest(name, runs) !== undefined;
    if (slip) document.reportUnknown([...path, name], [...runs, 'label']);
    else document.reportComponent([...path, name], kind, runs);
  }
  const [type, second] = found;
  if (type === undefined) {
    if (names.length === 0) document.report(path, `expected one of ${runs.join(', ')}`);
    return undefined;
  }
  if (document.requireLabels && (value.label ?? '') === '') document.reportAtKey([...path, type], 'label is required');
  if (second !== undefined) document.report([...path, second], `expected only one of ${found.join(', ')}`);
  return { label, path: ['root', ...path].join('.'), type, body: [...path, type] };
}

function checkProcessors(document: ConfigDocument, path: Path, processors: unknown): void {
  if (processors === undefined || (Array.isArray(processors) && processors.length === 0)) return;
  document.report([...path, 'processors'], 'processors of a component are not supported, only those of pipeline');
}

function readLabel(document: ConfigDocument, path: Path, value: unknown): string {
  const label = value instanceof BareScalar ? value.source : (value ?? '');
  if (label === '') return '';
  if (typeof label !== 'string' || !LABEL.test(label)) {
    document.report([...path, 'label'], 'expected lower-case letters, digits, - and _, not starting with _');
    return '';
  }
  const taken = document.claimLabel(label, [...path, 'label']);
  if (taken !== undefined) document.report([...path, 'label'], `the component in line ${taken} already has this label`);
  return label;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof BareScalar);
}
