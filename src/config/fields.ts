/**
 * The field types of Redpanda Connect's schema, as zod schemas. Messages say what is expected and never repeat the value, which may be
 * a secret.
 */
import { z } from 'zod';
import { BareScalar } from './yaml-tree.ts';

/** A field whose value is parsed by `read`; undefined means invalid. */
function field<T>(expected: string, read: (value: unknown) => T | undefined) {
  return z.unknown().transform((value, context): T => {
    const result = value === undefined ? undefined : read(value);
    if (result !== undefined) return result;
    context.addIssue({
      code: 'custom',
      input: undefined,
      message: value === undefined ? 'is required' : `expected ${expected}`,
    });
    return z.NEVER;
  });
}

/** A mapping with exactly these fields. The message for an unknown field lists the known ones, for ConfigDocument.check. */
export function mapping<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape).join(' ');
  return z.preprocess(
    withoutScalars,
    z.strictObject(shape, {
      error: (issue) => (issue.code === 'unrecognized_keys' ? known : expected(issue.input, 'a mapping')),
    }),
  );
}

export function list<Item extends z.ZodType>(item: Item) {
  return z.array(item, { error: (issue) => expected(issue.input, 'a list') });
}

export function nonEmptyList<Item extends z.ZodType>(item: Item) {
  return list(item).refine((items) => items.length > 0, { error: 'expected at least one entry' });
}

/** A mapping from any names to strings. */
export function textMap() {
  return z.preprocess(
    withoutScalars,
    z.record(z.string(), text(), { error: (issue) => expected(issue.input, 'a mapping') }),
  );
}

// For zod a BareScalar would be an object.
function withoutScalars(value: unknown): unknown {
  return value instanceof BareScalar ? null : value;
}

function expected(input: unknown, what: string): string {
  return input === undefined ? 'is required' : `expected ${what}`;
}

/** Any scalar as it is written: 007 and 1e3 are strings where a string is expected. A missing scalar is the empty string. */
export function text() {
  return field('a string', readText);
}

export function nonEmptyText() {
  return field('a string that is not empty', (value) => readText(value) || undefined);
}

function readText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!(value instanceof BareScalar)) return undefined;
  return value.value === null ? '' : value.source;
}

/** A string without a record interpolation (`${! … }`): it is the same for every record. */
export function fixedText() {
  return field('a string that is not empty and is the same for every record', (value) => {
    const found = readText(value);
    return found === '' || found?.includes('${!') ? undefined : found;
  });
}

/** A list of strings, each of which may hold several separated by commas, as in Redpanda Connect. */
export function commaList() {
  return nonEmptyList(nonEmptyText()).transform((items) =>
    items.flatMap((item) =>
      item
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    ),
  );
}

export function bool() {
  return field('true or false, without quotes', (value) =>
    value instanceof BareScalar && typeof value.value === 'boolean' ? value.value : undefined,
  );
}

export function wholeNumber(least: number, most: number) {
  return field(`a whole number from ${least} to ${most}, without quotes`, (value) =>
    value instanceof BareScalar &&
    typeof value.value === 'number' &&
    Number.isInteger(value.value) &&
    value.value >= least &&
    value.value <= most
      ? value.value
      : undefined,
  );
}

/** A whole number of at least 1, or -1 for Redpanda Connect's default. */
export function positiveOrDefault() {
  return field('a whole number of at least 1, or -1, without quotes', (value) =>
    value instanceof BareScalar &&
    typeof value.value === 'number' &&
    Number.isSafeInteger(value.value) &&
    (value.value >= 1 || value.value === -1)
      ? value.value
      : undefined,
  );
}

/** A share from `1%` to `100%`, as a number up to 1, or undefined for `never`. */
export function percentageOrNever() {
  return field<{ readonly share: number | undefined }>('a percentage from 1% to 100%, or never', (value) => {
    const written = readText(value) ?? '';
    if (written === 'never') return { share: undefined };
    const percent = Number(/^(\d{1,3})%$/.exec(written)?.[1]);
    return percent >= 1 && percent <= 100 ? { share: percent / 100 } : undefined;
  });
}

/** One of these words. Redpanda Connect accepts some of them in any case. */
export function oneOf<const Option extends string>(options: readonly Option[], { anyCase = false } = {}) {
  return field(
    options.length === 1 ? String(options[0]) : `one of ${options.filter((option) => option !== '').join(', ')}`,
    (value) => {
      const word = readText(value);
      return options.find((option) => option === (anyCase ? word?.toUpperCase() : word));
    },
  );
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 36e5,
};
const DURATION = /^\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;

/**
 * Milliseconds from Go's notation (time.ParseDuration): `1m30s`, `500ms`, `1.5h`. Fractions of a millisecond are rounded up. The bounds
 * use the same notation. Node's timers overflow after about 596h.
 */
export function duration(least = '1ms', most = '576h') {
  const leastMs = parseDuration(least) ?? 0;
  const mostMs = parseDuration(most) ?? 0;
  return field(`a duration from ${least} to ${most}, such as 500ms or 1m30s`, (value) => {
    const ms = parseDuration(readText(value) ?? '');
    return ms !== undefined && ms >= leastMs && ms <= mostMs ? ms : undefined;
  });
}

function parseDuration(written: string): number | undefined {
  if (written === '0') return 0;
  if (!DURATION.test(written)) return undefined;
  let total = 0;
  for (const [, amount, unit = ''] of written.matchAll(/([\d.]+)([a-zµμ]+)/g))
    total += Number(amount) * (UNITS[unit] ?? 0);
  // Rounds to a nanosecond first: 0.1 + 0.2 must not add a millisecond.
  return Math.ceil(Math.round(total * 1e6) / 1e6);
}

const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b?)$/i;

/** Bytes from Redpanda Connect's notation: `1MiB` (1024²), `1MB` (1000²), `512`. The bounds use the same notation. */
export function byteSize(least: string, most: string) {
  const leastBytes = parseSize(least) ?? 0;
  const mostBytes = parseSize(most) ?? 0;
  return field(`a size from ${least} to ${most}, such as 50MB or 1MiB`, (value) => {
    const bytes = parseSize(readText(value) ?? '');
    return bytes !== undefined && bytes >= leastBytes && bytes <= mostBytes ? bytes : undefined;
  });
}

function parseSize(written: string): number | undefined {
  const match = SIZE.exec(written);
  if (match === null) return undefined;
  const [, amount, scale = '', binary = ''] = match;
  if (scale === '' && binary !== '') return undefined;
  return Math.trunc(Number(amount) * (binary === '' ? 1000 : 1024) ** ' kmgt'.indexOf(scale.toLowerCase() || ' '));
}

/**
 * A field of Redpanda Connect that is not supported. Its default is accepted, since it changes nothing; any other value is an error.
 */
export function onlyDefault(value: unknown) {
  const allowed = typeof value === 'object' ? 'at its default' : `at ${JSON.stringify(value)}`;
  return z
    .unknown()
    .refine((given) => given === undefined || isDefault(given, value), {
      error: `is not supported: leave it out, or ${allowed}`,
    })
    .optional();
}

/** A mapping may contain only some of the default's fields. */
function isDefault(given: unknown, value: unknown): boolean {
  if (given instanceof BareScalar) return (given.value ?? '') === value;
  if (Array.isArray(given)) return Array.isArray(value) && given.length === 0 && value.length === 0;
  if (typeof given !== 'object' || given === null) return given === value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const fields = new Map(Object.entries(value));
  return Object.entries(given).every(([key, inner]) => fields.has(key) && isDefault(inner, fields.get(key)));
}
