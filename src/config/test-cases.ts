/** Reads `tests`: unit tests of the processors, in the schema of `redpanda-connect test`. */
import { z } from 'zod';
import { isMapping } from './component.ts';
import type { ConfigDocument } from './document.ts';
import { list, mapping, nonEmptyText, text, textMap } from './fields.ts';
import { parseCheck, parsePattern } from './record-expressions.ts';
import { BareScalar, type Path } from './yaml-tree.ts';

/** One test: batches of messages, and what the processors must make of them. */
export interface TestCase {
  readonly name: string;
  /** The line of the test in its file. */
  readonly line: number;
  /** Variables for this test; they override the environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** The processors to test: a JSON pointer or a label, after the path of another file and `#`, if there is one. */
  readonly target: string;
  readonly inputs: readonly (readonly TestInput[])[];
  readonly outputs: readonly (readonly Conditions[])[];
}

/** A message that goes in: its content, or the file that holds it, relative to the test's file. */
export interface TestInput {
  readonly content: string;
  readonly file?: string;
  readonly metadata: { readonly [name: string]: Plain };
}

/** A value as YAML or JSON has it. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [name: string]: Plain };

/** What a message that comes out must fulfil: `content_equals` and the like, with plain values. */
export type Conditions = Readonly<Record<string, unknown>>;

const anyMap = () => z.record(z.string(), z.unknown(), { error: 'expected a mapping' });

const inputSchema = mapping({
  content: text().optional(),
  json_content: z.unknown().optional(),
  file_content: nonEmptyText().optional(),
  metadata: anyMap().default({}),
});

const conditionsSchema = mapping({
  bloblang: text().optional(),
  content_equals: text().optional(),
  content_matches: text().optional(),
  metadata_equals: anyMap().optional(),
  file_equals: nonEmptyText().optional(),
  file_json_equals: nonEmptyText().optional(),
  file_json_contains: nonEmptyText().optional(),
  json_equals: z.unknown().optional(),
  json_contains: z.unknown().optional(),
});

const caseSchema = mapping({
  name: text(),
  environment: textMap().default({}),
  target_processors: nonEmptyText().default('/pipeline/processors'),
  target_mapping: text().default(''),
  mocks: anyMap().default({}),
  input_batch: list(inputSchema).optional(),
  input_batches: list(list(inputSchema)).default([]),
  output_batches: list(list(conditionsSchema)).default([]),
});

const testsSchema = list(caseSchema).default([]);

/** The tests of a file, none if it has no `tests`. Reports what is wrong, and what only Redpanda Connect can run, and then returns undefined. */
export function readTestCases(document: ConfigDocument): readonly TestCase[] | undefined {
  const cases = document.check(testsSchema, ['tests']);
  if (cases === undefined) return undefined;
  cases.forEach((each, index) => {
    const path = ['tests', index];
    if (each.target_mapping !== '') document.report([...path, 'target_mapping'], onlyThere('a Bloblang mapping'));
    if (Object.keys(each.mocks).length > 0) document.report([...path, 'mocks'], onlyThere('a mocked processor'));
    each.output_batches.forEach((batch, at) => {
      batch.forEach((conditions, message) => {
        checkConditions(document, [...path, 'output_batches', at, message], conditions);
      });
    });
  });
  return cases.map((each, index) => ({
    name: each.name,
    line: document.lineOf(['tests', index]),
    environment: each.environment,
    target: each.target_processors,
    inputs: [...each.input_batches, ...(each.input_batch === undefined ? [] : [each.input_batch])].map((batch) =>
      batch.map(toInput),
    ),
    outputs: each.output_batches.map((batch) => batch.map((conditions) => plainMap(conditions))),
  }));
}

function checkConditions(document: ConfigDocument, path: Path, conditions: z.output<typeof conditionsSchema>): void {
  const { bloblang, content_matches: pattern } = conditions;
  if (bloblang !== undefined && parseCheck(bloblang) === undefined)
    document.report([...path, 'bloblang'], onlyThere('Bloblang other than @name == "literal"'));
  if (pattern !== undefined && parsePattern(pattern) === undefined)
    document.report([...path, 'content_matches'], 'expected a regular expression that JavaScript has, too');
}

function onlyThere(what: string): string {
  return `${what} is not supported here: leave it out, or use redpanda-connect test`;
}

function toInput(input: z.output<typeof inputSchema>): TestInput {
  const { content = '', json_content: json, file_content: file, metadata } = input;
  return {
    content: json === undefined ? content : JSON.stringify(plainValue(json)),
    ...(file === undefined ? {} : { file }),
    metadata: plainMap(metadata),
  };
}

function plainMap(map: Readonly<Record<string, unknown>>): { readonly [name: string]: Plain } {
  return Object.fromEntries(
    Object.entries(map).flatMap(([name, value]) => (value === undefined ? [] : [[name, plainValue(value)] as const])),
  );
}

function plainValue(value: unknown): Plain {
  if (value instanceof BareScalar) return value.value;
  if (Array.isArray(value)) return value.map(plainValue);
  return isMapping(value) ? plainMap(value) : String(value);
}
