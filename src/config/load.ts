import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { ConfigError, type ConfigIssue, systemCode } from '../errors.ts';
import { isMapping } from './component.ts';
import type { Config, GroupConfig, PartialConfig } from './config.ts';
import { ConfigDocument, type DocumentOptions } from './document.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { onlyDefault } from './fields.ts';
import { readInput } from './input.ts';
import { readOutput } from './output.ts';
import { readPipeline } from './pipeline.ts';
import { readService } from './service.ts';
import { readTestCases, type TestCase } from './test-cases.ts';

/** Where variables come from, and how strict reading is. */
export interface LoadOptions extends Pick<DocumentOptions, 'sets' | 'requireLabels' | 'skipUnset'> {
  /** The variables; default: the process's environment. */
  readonly env?: Environment;
  /** Files of `NAME=value` lines (`-e`). They override the environment, later files override earlier ones. */
  readonly envFiles?: readonly string[];
}

/** The top-level fields: those that other modules read, and Redpanda Connect's that are not supported. */
const topLevel: Readonly<Record<string, z.ZodType>> = {
  http: z.unknown(),
  logger: z.unknown(),
  metrics: z.unknown(),
  shutdown_delay: z.unknown(),
  shutdown_timeout: z.unknown(),
  input: z.unknown(),
  pipeline: z.unknown(),
  output: z.unknown(),
  // Unit tests of the processors, for the verb test.
  tests: z.unknown(),
  buffer: onlyDefault({ none: {} }),
  tracer: onlyDefault({ none: {} }),
  error_handling: onlyDefault({ strict: false }),
  input_resources: onlyDefault([]),
  processor_resources: onlyDefault([]),
  output_resources: onlyDefault([]),
  cache_resources: onlyDefault([]),
  rate_limit_resources: onlyDefault([]),
};

/**
 * Reads a configuration file in Redpanda Connect's schema. Throws a ConfigError with all problems. No message repeats a value.
 */
export function loadConfig(file: string, options: Omit<LoadOptions, 'skipUnset'> = {}): Config {
  const { config, issues } = read(file, options);
  if (issues.length > 0 || config === undefined || !isComplete(config)) throw new ConfigError(issues);
  return config;
}

/**
 * Reads a configuration file for a custom topology. The file may lack what the topology doesn't use: the databases, `pipeline`, and the
 * state and image topics. Throws a ConfigError with all other problems.
 */
export function loadPartialConfig(file: string, options: Omit<LoadOptions, 'skipUnset'> = {}): PartialConfig {
  const { config, issues } = read(file, options, { partial: true });
  if (issues.length > 0 || config === undefined) throw new ConfigError(issues);
  return config;
}

/** Without `partial`, a part that is missing is an issue, so this only narrows the type. */
function isComplete(config: PartialConfig): config is Config {
  return config.topics.state !== undefined && config.topics.image !== undefined;
}

/** All problems of a configuration file, in the order of its lines; empty when it is valid. */
export function lintConfig(file: string, options: LoadOptions = {}): readonly ConfigIssue[] {
  return read(file, options, { others: readTestCases }).issues;
}

/** The tests in a file, and what is wrong with them. The file may have nothing else. Variables are not replaced in it. */
export function readTestFile(file: string): {
  readonly cases: readonly TestCase[];
  readonly issues: readonly ConfigIssue[];
} {
  const issues: ConfigIssue[] = [];
  const written = readText(file, issues);
  if (written === undefined) return { cases: [], issues };
  const document = new ConfigDocument(file, written, {}, { variables: false });
  const cases = document.root === undefined ? undefined : readTestCases(document);
  return { cases: cases ?? [], issues: document.issues };
}

/** The processor of a configuration alone. Variables may be unset. Throws a ConfigError when it isn't valid. */
export function loadGroup(file: string, options: Pick<LoadOptions, 'env'> = {}): GroupConfig {
  const issues: ConfigIssue[] = [];
  const env = readVariables(options, issues);
  const written = readText(file, issues);
  if (written === undefined || issues.length > 0) throw new ConfigError(issues);
  const document = new ConfigDocument(file, written, env, { skipUnset: true });
  const group = document.root === undefined ? undefined : readPipeline(document);
  if (group === undefined || document.issues.length > 0) throw new ConfigError(document.issues);
  return group;
}

/** The variables in these files, of which later ones override earlier ones. Throws a ConfigError for one that can't be read. */
export function readEnvFiles(files: readonly string[]): Environment {
  const issues: ConfigIssue[] = [];
  const variables = readVariables({ env: {}, envFiles: files }, issues);
  if (issues.length > 0) throw new ConfigError(issues);
  return variables;
}

function readVariables(options: LoadOptions, issues: ConfigIssue[]): Environment {
  const files = (options.envFiles ?? []).map((file) => parseEnv(readText(file, issues) ?? ''));
  return Object.assign({}, options.env ?? readEnvironment(), ...files);
}

interface Reading {
  readonly config?: PartialConfig;
  readonly issues: readonly ConfigIssue[];
}

interface ReadingOptions {
  /** Whether the file may lack what `PartialConfig` may. */
  readonly partial?: boolean;
  /** Reads parts of the file that a running service ignores. */
  readonly others?: (document: ConfigDocument) => unknown;
}

function read(file: string, options: LoadOptions, { partial = false, others }: ReadingOptions = {}): Reading {
  const issues: ConfigIssue[] = [];
  const env = readVariables(options, issues);
  const written = readText(file, issues);
  if (written === undefined || issues.length > 0) return { issues };

  const document = new ConfigDocument(file, written, env, options);
  if (document.root === undefined) return { issues: document.issues };
  if (!isMapping(document.root)) {
    document.report([], 'expected a mapping with input, pipeline and output');
    return { issues: document.issues };
  }
  for (const name of Object.keys(document.root)) {
    const schema = Object.hasOwn(topLevel, name) ? topLevel[name] : undefined;
    if (schema === undefined) document.reportUnknown([name], Object.keys(topLevel));
    else document.check(schema, [name]);
  }
  const service = readService(document);
  const input = readInput(document);
  const group = readPipeline(document, { partial });
  const output = readOutput(document, { partial });
  others?.(document);
  if (!service || !input || !group || !output) return { issues: document.issues };
  return { config: { file, ...service, input, group, ...output }, issues: document.issues };
}

function readText(file: string, issues: ConfigIssue[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const message =
      error instanceof TypeError ? 'is not UTF-8 text' : `cannot be read (${systemCode(error) ?? 'unknown error'})`;
    issues.push({ file, line: 1, column: 1, message });
    return undefined;
  }
}
