/** Finds the tests of configuration files, as `redpanda-connect test` does. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { readTestFile } from '../config/load.ts';
import type { TestCase } from '../config/test-cases.ts';
import { ConfigError, type ConfigIssue } from '../errors.ts';

const SUFFIX = '_benthos_test';

/** A configuration and its tests. */
export interface TestTarget {
  readonly config: string;
  readonly cases: readonly TestCase[];
}

/**
 * The tests of these files: those of `NAME_benthos_test.yaml` if it exists, else those in `NAME.yaml` itself. Either file may be named. Files
 * without tests are left out. Throws a ConfigError for a file that can't be read or whose tests aren't valid.
 */
export function testTargets(files: readonly string[]): readonly TestTarget[] {
  const configs = [...new Set(files.map((file) => path.normalize(configOf(file))))].sort();
  const issues: ConfigIssue[] = [];
  const targets = configs.flatMap((config) => {
    if (!existsSync(config)) {
      issues.push({ file: config, line: 1, column: 1, message: 'cannot be read (ENOENT)' });
      return [];
    }
    const definition = definitionOf(config);
    const read = readTestFile(existsSync(definition) ? definition : config);
    issues.push(...read.issues);
    return read.cases.length === 0 ? [] : [{ config, cases: read.cases }];
  });
  if (issues.length > 0) throw new ConfigError(issues);
  return targets;
}

function configOf(file: string): string {
  const { dir, name, ext } = path.parse(file);
  return name.endsWith(SUFFIX) ? path.join(dir, name.slice(0, -SUFFIX.length) + ext) : file;
}

function definitionOf(config: string): string {
  const { dir, name, ext } = path.parse(config);
  return path.join(dir, name + SUFFIX + ext);
}
