import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { ConfigError, type ConfigIssue, systemCode } from '../errors.ts';
import { isMapping } from './component.ts';
import type { Config } from './config.ts';
import { ConfigDocument, type DocumentOptions } from './document.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { onlyDefault } from './fields.ts';
import { readInput } from './input.ts';
import { readOutput } from './output.ts';
import { readPipeline } from './pipeline.ts';
import { readService } from './service.ts';

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
  // Unit tests of a configuration. `redpanda-connect test` runs them; a running service ignores them.
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
  if (issues.length > 0 || config === undefined) throw new ConfigError(issues);
  return config;
}

/** All problems of a configuration file, in the order of its lines; empty when it is valid. */
export function lintConfig(file: string, options: LoadOptions = {}): readonly ConfigIssue[] {
  return read(file, options).issues;
}

interface Reading {
  readonly config?: Config;
  readonly issues: readonly ConfigIssue[];
}

function read(file: string, options: LoadOptions): Reading {
  const issues: ConfigIssue[] = [];
  let env: Environment = options.env ?? readEnvironment();
  for (const envFile of options.envFiles ?? []) env = { ...env, ...parseEnv(readText(envFile, issues) ?? '') };
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
  const group = readPipeline(document);
  const output = readOutput(document);
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
