/** The conditions of a test on an output message. Names, order and messages are those of `redpanda-connect test`. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parseCheck, parsePattern } from '../config/record-expressions.ts';
import type { Conditions } from '../config/test-cases.ts';
import { systemCode } from '../errors.ts';
import type { TestMessage } from './message.ts';

type Check = (message: TestMessage, expected: unknown, folder: string) => string | undefined;

const CHECKS: Readonly<Record<string, Check>> = {
  bloblang: ({ metadata }, expected) => {
    const check = parseCheck(String(expected));
    return check !== undefined && metadata[check.name] === check.literal ? undefined : 'bloblang expression was false';
  },
  content_equals: (message, expected) => contentEquals(message, String(expected)),
  content_matches: ({ content }, expected) => {
    const text = content.toString();
    return parsePattern(String(expected))?.test(text) === true
      ? undefined
      : `pattern mismatch\n   pattern: ${String(expected)}\n  received: ${text}`;
  },
  file_equals: (message, name, folder) => withFile(folder, name, (text) => contentEquals(message, text)),
  file_json_contains: (message, name, folder) => withFile(folder, name, (text) => jsonContains(message, text)),
  file_json_equals: (message, name, folder) => withFile(folder, name, (text) => jsonEquals(message, text)),
  json_contains: (message, expected) => jsonContains(message, toJson(expected)),
  json_equals: (message, expected) => jsonEquals(message, toJson(expected)),
  metadata_equals: ({ metadata }, expected) => metadataEquals(metadata, expected as Readonly<Record<string, unknown>>),
};

/** What is wrong with a message, a text for each condition that it doesn't meet. Files are relative to `folder`. */
export function failedConditions(message: TestMessage, conditions: Conditions, folder: string): readonly string[] {
  return Object.keys(conditions)
    .sort()
    .flatMap((name) => {
      const failure = CHECKS[name]?.(message, conditions[name], folder);
      return failure === undefined ? [] : [`${name}: ${failure}`];
    });
}

function contentEquals({ content }: TestMessage, expected: string): string | undefined {
  const received = content.toString();
  return received === expected ? undefined : `content mismatch${difference(expected, received)}`;
}

function jsonEquals({ content }: TestMessage, expected: string): string | undefined {
  const received = content.toString();
  const [left, right] = [parseJson(received), parseJson(expected)];
  return left !== undefined && right !== undefined && isDeepStrictEqual(left.value, right.value)
    ? undefined
    : `JSON content mismatch${difference(expected, received)}`;
}

function jsonContains({ content }: TestMessage, expected: string): string | undefined {
  const received = content.toString();
  const [left, right] = [parseJson(received), parseJson(expected)];
  return left !== undefined && right !== undefined && contains(left.value, right.value)
    ? undefined
    : `JSON superset mismatch${difference(expected, received)}`;
}

function contains(value: unknown, part: unknown): boolean {
  if (Array.isArray(part))
    return Array.isArray(value) && value.length >= part.length && part.every((each, at) => contains(value[at], each));
  if (!isObject(part)) return isDeepStrictEqual(value, part);
  return (
    isObject(value) &&
    Object.entries(part).every(([name, inner]) => Object.hasOwn(value, name) && contains(value[name], inner))
  );
}

function metadataEquals(
  metadata: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, unknown>>,
): string | undefined {
  for (const [key, value] of Object.entries(expected)) {
    if (!Object.hasOwn(metadata, key)) return `metadata key '${key}' expected but not found`;
    const received = metadata[key];
    if (!isDeepStrictEqual(received, value))
      return `metadata key '${key}' mismatch${difference(asText(value), asText(received))}`;
  }
  return undefined;
}

function withFile(folder: string, name: unknown, check: (content: string) => string | undefined): string | undefined {
  try {
    return check(readFileSync(path.join(folder, String(name)), 'utf8'));
  } catch (error) {
    return `failed to read comparison file: ${systemCode(error) ?? 'unknown error'}`;
  }
}

const difference = (expected: string, received: string) => `\n  expected: ${expected}\n  received: ${received}`;

function toJson(expected: unknown): string {
  return typeof expected === 'string' ? expected : JSON.stringify(expected);
}

const asText = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
