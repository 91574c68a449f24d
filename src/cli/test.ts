import path from 'node:path';
import { Command } from 'commander';
import { type Environment, readEnvironment } from '../config/environment.ts';
import { lintConfig, readEnvFiles } from '../config/load.ts';
import { type TestTarget, testTargets } from '../config-tests/definitions.ts';
import { runCase } from '../config-tests/run-case.ts';
import { missingRoot, targetProcessor } from '../config-tests/target-processor.ts';
import type { BatchProcessor } from '../connect-plugin/index.ts';
import { ConfigError, type ConfigIssue, systemCode } from '../errors.ts';
import { createLogger } from '../ops/logger.ts';
import { callProcessor } from '../plugins/call-processor.ts';
import { openGroupProcessor } from '../plugins/group-dicom-state.ts';
import { CliError, EXIT } from './cli-error.ts';
import { configFiles } from './config-files.ts';
import { collect } from './config-options.ts';
import { print } from './output.ts';

interface TestOptions {
  readonly envFile?: readonly string[];
  readonly verbose?: boolean;
}

interface Failure {
  readonly test: string;
  readonly line: number;
  readonly reason: string;
}

interface FailedTarget {
  readonly config: string;
  readonly lints: readonly ConfigIssue[];
  readonly failures: readonly Failure[];
}

/**
 * `test [redpanda.yaml...]`: runs the tests of configurations against `group_dicom_state`. Output, streams and exit codes are those of
 * `redpanda-connect test`: 1 if a test fails, or if there is none.
 */
export function testCommand(): Command {
  return new Command('test')
    .description(
      "Run a configuration's unit tests (tests: in the file, or NAME_benthos_test.yaml) against group_dicom_state",
    )
    .argument('[files...]', 'configuration files; DIR/... means every .yaml and .yml file below DIR', ['redpanda.yaml'])
    .option('-e, --env-file <file>', 'read variables from a file (repeatable)', collect)
    .option('-v, --verbose', 'also print the names of the tests')
    .action(async (names: readonly string[], options: TestOptions) => {
      const targets = findTargets(names);
      if (targets.length === 0) {
        await print('No tests were found\n');
        throw new CliError(EXIT.usage, '');
      }
      const environment = { ...readEnvironment(), ...readEnvFiles(options.envFile ?? []) };
      const failed: FailedTarget[] = [];
      for (const target of targets) {
        const lints = lintConfig(target.config, { env: environment, skipUnset: true });
        if (options.verbose === true)
          for (const { name } of target.cases) await print(`  - ${name === '' ? '(unnamed)' : name}\n`);
        const failures = await runTarget(target, environment);
        const isFailed = lints.length > 0 || failures.length > 0;
        if (isFailed) failed.push({ config: target.config, lints, failures });
        await print(`Test '${target.config}' ${isFailed ? 'failed' : 'succeeded'}\n`);
      }
      if (failed.length === 0) return;
      await print(`\nFailures:\n\n${failed.map(reportOf).join('\n')}`);
      throw new CliError(EXIT.usage, '');
    });
}

function findTargets(names: readonly string[]): readonly TestTarget[] {
  try {
    return testTargets(configFiles(names));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CliError(EXIT.usage, `failed to obtain test targets:\n${error.message}`);
  }
}

async function runTarget({ config, cases }: TestTarget, environment: Environment): Promise<readonly Failure[]> {
  const failures: Failure[] = [];
  for (const [index, test] of cases.entries()) {
    const fail = (reason: string) =>
      new CliError(EXIT.usage, `failed to execute test target '${config}': test case ${index} failed: ${reason}`);
    const group = targetOf(() => targetProcessor(test, config, environment), fail);
    const root = missingRoot(group);
    if (root !== undefined) throw fail(root);
    // Opened with the first batch: its threads take a while to start, and to end while they start.
    let processor: BatchProcessor | undefined;
    try {
      const reasons = await runCase(test, path.dirname(config), (batch) => {
        processor ??= openGroupProcessor(group, createLogger({ level: 'silent' }));
        return callProcessor(processor, batch);
      });
      failures.push(...reasons.map((reason) => ({ test: test.name, line: test.line, reason })));
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      throw fail(`an input file cannot be read (${code})`);
    } finally {
      await processor?.close?.();
    }
  }
  return failures;
}

function targetOf<T>(read: () => T, fail: (reason: string) => CliError): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof ConfigError ? fail(error.message) : error;
  }
}

function reportOf({ config, lints, failures }: FailedTarget): string {
  const lines = [
    `--- ${config} ---`,
    '',
    ...lints.map((each) => `Lint: (${each.line},${each.column}) ${each.message}`),
  ];
  if (lints.length > 0 && failures.length > 0) lines.push('');
  let previous: Failure | undefined;
  for (const failure of failures) {
    if (failure.test !== previous?.test) {
      if (previous !== undefined) lines.push('');
      lines.push(`${failure.test} [line ${failure.line}]:`);
    }
    lines.push(failure.reason);
    previous = failure;
  }
  return `${lines.join('\n')}\n`;
}
