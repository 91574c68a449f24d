/**
 * Environment interpolation as in Redpanda Connect: `${VAR}`, `${VAR:default}`, `${VAR|base64decode}`, and `${{VAR}}` for a literal
 * `${VAR}`. It works on the file's text before YAML is parsed, comments included, and records where each part of the result came from.
 */
import type { Environment } from './environment.ts';
import { lookUp } from './variables.ts';

/** A range of the interpolated text and the range of the file that it replaces. */
export interface Segment {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  /** Set if the range is the value of a variable. */
  readonly variable?: { readonly name: string; readonly fromFile: boolean; readonly failed: boolean };
}

export interface Interpolated {
  readonly segments: readonly Segment[];
  /** `unset`: the problem is only that a variable has no value. */
  readonly problems: readonly { readonly offset: number; readonly message: string; readonly unset: boolean }[];
}

// These patterns match the same variables as Redpanda Connect's.
const VARIABLE = /\$\{([0-9A-Za-z_.]+)(?::((?:\$\{[^}]+\}|[^}])*))?(?:\|([0-9A-Za-z]+))?\}/g;
const ESCAPED = /\$\{(\{[0-9A-Za-z_.]+(?::(?:\$\{[^}]+\}|[^}])*)?\})\}/g;

// Replaces a variable without a value, so that the rest of the file can still be checked. Not empty: problems with it must be recognisable.
const PLACEHOLDER = 'unset';

/** Replaces every variable. A variable without a value is a problem at its offset in `source`. No message repeats a value. */
export function interpolate(source: string, environment: Environment): Interpolated {
  const segments: Segment[] = [];
  const problems: { offset: number; message: string; unset: boolean }[] = [];
  let position = 0;
  for (const match of source.matchAll(VARIABLE)) {
    const [whole, name = '', rest, transform] = match;
    const to = match.index + whole.length;
    if (match.index > position) {
      segments.push({ text: source.slice(position, match.index), from: position, to: match.index });
    }
    const resolved = resolve(name, rest, transform, environment);
    const { problem, unset = false } = resolved;
    if (problem !== undefined) problems.push({ offset: match.index, message: problem, unset });
    segments.push({
      // A line break would end the YAML line. In double quotes, YAML turns `\n` back into a line break.
      text: resolved.value.replaceAll('\n', '\\n'),
      from: match.index,
      to,
      variable: { name, fromFile: resolved.fromFile, failed: resolved.problem !== undefined },
    });
    position = to;
  }
  if (position < source.length) segments.push({ text: source.slice(position), from: position, to: source.length });
  return { segments: dropOuterBraces(segments), problems };
}

interface Resolved {
  readonly value: string;
  readonly fromFile: boolean;
  readonly problem?: string;
  readonly unset?: boolean;
}

function resolve(
  name: string,
  rest: string | undefined,
  transform: string | undefined,
  environment: Environment,
): Resolved {
  // The pattern includes a `|transform` in the default, so it is split off here.
  const bar = rest?.lastIndexOf('|') ?? -1;
  const fallback = bar === -1 ? rest : rest?.slice(0, bar);
  const wanted = bar === -1 ? transform : rest?.slice(bar + 1);

  const found = lookUp(name, environment);
  if (found.kind === 'unreadable') return { value: PLACEHOLDER, fromFile: true, problem: found.message };
  const value = found.kind === 'value' ? found.value : '';
  const fromFile = found.kind === 'value' && found.fromFile;
  if (value === '' && fallback !== undefined) return decode(fallback, wanted, name, false);
  if (found.kind === 'unset') {
    return {
      value: PLACEHOLDER,
      fromFile,
      problem: `required environment variable ${name} is not set, nor is ${name}_FILE`,
      unset: true,
    };
  }
  return decode(value, wanted, name, fromFile);
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decode(value: string, transform: string | undefined, name: string, fromFile: boolean): Resolved {
  if (transform === undefined || transform === '') return { value, fromFile };
  if (transform !== 'base64decode') {
    return {
      value: PLACEHOLDER,
      fromFile,
      problem: `\${${name}|…} uses an unknown function (known: base64decode)`,
    };
  }
  const compact = value.replaceAll(/[\r\n]/g, '');
  if (!BASE64.test(compact)) {
    return { value: PLACEHOLDER, fromFile, problem: `the value of \${${name}|base64decode} is not base64` };
  }
  return { value: Buffer.from(compact, 'base64').toString('utf8'), fromFile };
}

/** Removes the outer braces of `${{VAR}}`, also where a variable's value holds it: Redpanda Connect does so after the replacement. */
function dropOuterBraces(segments: readonly Segment[]): readonly Segment[] {
  const text = segments.map((segment) => segment.text).join('');
  const dropped = [...text.matchAll(ESCAPED)].flatMap((match) => [match.index + 1, match.index + match[0].length - 1]);
  if (dropped.length === 0) return segments;
  let start = 0;
  return segments.flatMap((segment) => {
    const cuts = dropped.map((offset) => offset - start).filter((cut) => cut >= 0 && cut < segment.text.length);
    start += segment.text.length;
    return cuts.length === 0 ? [segment] : cutOut(segment, cuts);
  });
}

function cutOut(segment: Segment, cuts: readonly number[]): Segment[] {
  const edges = [-1, ...cuts, segment.text.length];
  return edges.slice(1).map((edge, index) => {
    const begin = (edges[index] ?? -1) + 1;
    const text = segment.text.slice(begin, edge);
    if (segment.variable !== undefined) return { ...segment, text };
    return { text, from: segment.from + begin, to: segment.from + edge };
  });
}
