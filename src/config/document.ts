import { type Document, isScalar, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { ConfigError, type ConfigIssue } from '../errors.ts';
import type { Environment } from './environment.ts';
import { applyOverrides, type Overrides } from './overrides.ts';
import { Secret } from './secret.ts';
import { SourceText } from './source-text.ts';
import { suggest } from './suggest.ts';
import { describeYamlProblem } from './yaml-problems.ts';
import { BareScalar, find, type Path, resolveAlias, TreeError, toPlain } from './yaml-tree.ts';

/** What else is checked, and what is not. */
export interface DocumentOptions {
  /** `key=value` expressions (`-s`) that replace fields. */
  readonly sets?: readonly string[];
  /** Whether a component without a label is a problem. */
  readonly requireLabels?: boolean;
  /** Whether a variable may be unset. */
  readonly skipUnset?: boolean;
  /** Whether variables are replaced. Default true. */
  readonly variables?: boolean;
}

/**
 * One configuration file: its values, their positions, and the problems found so far. Messages name fields and positions. They never
 * repeat a value, nor a name that came from a variable.
 */
export class ConfigDocument {
  readonly file: string;
  readonly requireLabels: boolean;
  /** The whole file as plain values, or undefined when it isn't YAML. */
  readonly root: unknown;
  readonly #written: string;
  readonly #environment: Environment;
  readonly #source: SourceText;
  readonly #document: Document;
  readonly #overrides: Overrides;
  readonly #issues: ConfigIssue[] = [];
  readonly #labels = new Map<string, number>();

  constructor(file: string, written: string, environment: Environment, options: DocumentOptions = {}) {
    this.file = file;
    this.requireLabels = options.requireLabels === true;
    this.#written = written;
    this.#environment = { ...environment };
    this.#source = new SourceText(written, options.variables === false ? undefined : this.#environment);
    this.#document = parse(this.#source);
    for (const { place, message, unset } of this.#source.problems)
      if (!unset || options.skipUnset !== true) this.#issues.push({ file, ...place, message });
    for (const problem of [...this.#document.errors, ...this.#document.warnings]) {
      this.#issues.push({ file, ...this.#source.placeOf(problem.pos[0]), message: describeYamlProblem(problem) });
    }
    const unreadable = this.#document.errors.some((problem) => problem.code !== 'DUPLICATE_KEY');
    this.#overrides = applyOverrides(this.#document, unreadable ? [] : (options.sets ?? []));
    this.#issues.push(...this.#overrides.issues);
    this.root = unreadable ? undefined : this.#readTree();
  }

  /** The problems found so far, in the order of the file. */
  get issues(): readonly ConfigIssue[] {
    return this.#issues.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  /** The plain value at a path; undefined where there is none. */
  at(path: Path): unknown {
    let value = this.root;
    for (const step of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
      value = (value as Readonly<Record<string | number, unknown>>)[step];
    }
    return value;
  }

  /** Validates the value at a path. Reports what is wrong and then returns undefined. */
  check<Schema extends z.ZodType>(schema: Schema, path: Path): z.output<Schema> | undefined {
    const result = schema.safeParse(this.at(path));
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const place = [...path, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
      if (issue.code !== 'unrecognized_keys') this.report(place, issue.message);
      else for (const key of issue.keys) this.reportUnknown([...place, key], issue.message.split(' '));
    }
    return undefined;
  }

  /** Reports a problem at a path, or at its nearest existing parent. */
  report(path: Path, message: string): void {
    const { steps, key, value } = find(this.#document, path);
    // A missing field is reported at the name of its parent.
    const node = steps === path.length ? (value ?? key) : (key ?? value);
    this.#add(node, path.length === 0 ? message : `${this.#nameOf(path)}: ${message}`);
  }

  /** Reports a problem of a whole component, at the name of its type. */
  reportAtKey(path: Path, message: string): void {
    this.#add(find(this.#document, path).key, `${this.#nameOf(path)}: ${message}`);
  }

  /** Reports an unknown name, with the most similar known one. */
  reportUnknown(path: Path, known: readonly string[]): void {
    const { key } = find(this.#document, path);
    const name = String(path.at(-1));
    const where = path.length === 1 ? 'at the top' : `in ${this.#nameOf(path.slice(0, -1))}`;
    if (!this.#isQuotable(path)) {
      this.#add(key, `unknown field ${where}`);
      return;
    }
    const meant = suggest(name, known);
    this.#add(key, `unknown field ${name} ${where}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`);
  }

  /** Reports an unsupported component at the name of its type. */
  reportComponent(path: Path, kind: string, runs: readonly string[]): void {
    const named = this.#isLiteral(path) ? `the ${kind} ${path.at(-1)}` : `this ${kind}`;
    const message = `${named} is not supported here; supported: ${runs.join(', ')}`;
    this.#add(find(this.#document, path).key, `${this.#nameOf(path.slice(0, -1))}: ${message}`);
  }

  /** Claims a label for the component at a path. Returns the line of the component that already has it, if any. */
  claimLabel(label: string, path: Path): number | undefined {
    const line = this.#labels.get(label);
    if (line === undefined) this.#labels.set(label, this.lineOf(path));
    return line;
  }

  /** The line of the value at a path. */
  lineOf(path: Path): number {
    const { key, value } = find(this.#document, path);
    return this.#source.placeOf((key ?? value)?.range?.[0] ?? 0).line;
  }

  /** The string at a path as a secret. If it comes from a file, each `reveal()` reads the file again. */
  secretAt(path: Path): Secret {
    const node = resolveAlias(this.#document, find(this.#document, path).value);
    const origin = node === undefined ? undefined : this.#overrides.origins.get(node);
    const rotates = origin === undefined && variablesOf(this.#source, node).some((variable) => variable.fromFile);
    const text = asText(this.at(path));
    return rotates ? new Secret(() => this.#readAgain(path)) : Secret.of(text);
  }

  #readAgain(path: Path): string {
    const source = new SourceText(this.#written, this.#environment);
    const document = parse(source);
    const node = resolveAlias(document, find(document, path).value);
    if (!isScalar(node) || variablesOf(source, node).some((variable) => variable.failed)) {
      const place = source.placeOf(node?.range?.[0] ?? 0);
      const problem = source.problems.find((other) => other.place.line === place.line);
      const message = `${this.#nameOf(path)}: ${problem?.message ?? 'cannot be read any more'}`;
      throw new ConfigError([{ file: this.file, ...place, message }]);
    }
    return asText(toPlain(document, node));
  }

  #readTree(): unknown {
    try {
      return toPlain(this.#document, this.#document.contents);
    } catch (error) {
      if (!(error instanceof TreeError)) throw error;
      this.#add(error.node, error.message);
      return undefined;
    }
  }

  #add(node: Node | undefined, message: string): void {
    const origin = node === undefined ? undefined : this.#overrides.origins.get(node);
    if (origin !== undefined) {
      this.#issues.push({ file: origin, line: 1, column: 1, message });
      return;
    }
    // An unset variable was already reported; problems that follow from it would hide that.
    if (variablesOf(this.#source, node).some((variable) => variable.failed) && isScalar(node)) return;
    this.#issues.push({ file: this.file, ...this.#source.placeOf(node?.range?.[0] ?? 0), message });
  }

  #nameOf(path: Path): string {
    return path.map((step, index) => (this.#isLiteral(path.slice(0, index + 1)) ? step : '*')).join('.');
  }

  /** Whether the name is in the file itself and does not come from a variable. */
  #isLiteral(path: Path): boolean {
    const name = path.at(-1);
    if (typeof name === 'number') return true;
    const { steps, key } = find(this.#document, path);
    if (steps < path.length) return true;
    return variablesOf(this.#source, key).length === 0 && /^@?[A-Za-z][\w.-]{0,63}$/.test(name ?? '');
  }

  /** Whether an unknown name may be repeated: a name without a value may be part of a broken secret. */
  #isQuotable(path: Path): boolean {
    const { value } = find(this.#document, path);
    const empty = value === undefined || (isScalar(value) && value.value === null && !value.source);
    return !empty && this.#isLiteral(path);
  }
}

function parse(source: SourceText): Document {
  return parseDocument(source.text, { merge: true, prettyErrors: false, strict: true });
}

function variablesOf(source: SourceText, node: Node | undefined) {
  const range = node?.range;
  return range ? source.variablesIn(range[0], range[1]) : [];
}

function asText(value: unknown): string {
  if (value instanceof BareScalar) return value.value === null ? '' : value.source;
  return typeof value === 'string' ? value : '';
}
