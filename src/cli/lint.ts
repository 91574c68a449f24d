import { Command } from 'commander';
import { lintConfig } from '../config/load.ts';
import { formatConfigIssue } from '../errors.ts';
import { CliError, EXIT } from './cli-error.ts';
import { configFiles } from './config-files.ts';
import { addVariables, type ConfigOptions, configArguments } from './config-options.ts';
import { print, printError } from './output.ts';

interface LintOptions extends ConfigOptions {
  readonly deprecated?: boolean;
  readonly labels?: boolean;
  readonly skipEnvVarCheck?: boolean;
  readonly verbose?: boolean;
}

/**
 * `lint [redpanda.yaml...]`: prints each finding to stderr as `file(line,column) message`. Exit code 1 if there is any. Arguments, options,
 * streams and exit codes are those of `redpanda-connect lint`; `--set` is an addition.
 */
export function lintCommand(): Command {
  const command = new Command('lint')
    .description('Check configurations and print every error with file, line and column to stderr')
    .argument('[files...]', 'configuration files; DIR/... means every .yaml and .yml file below DIR', ['redpanda.yaml'])
    .option('--deprecated', 'also report deprecated fields; no supported field is deprecated')
    .option('--labels', 'also report components without a label')
    .option('--skip-env-var-check', 'do not report variables that are unset and have no default')
    .option('--verbose', 'print the result for each file to stdout');
  return addVariables(command).action(async (names: readonly string[], options: LintOptions) => {
    let failed = false;
    for (const file of configFiles(names)) {
      const issues = lintConfig(file, {
        ...configArguments(options),
        requireLabels: options.labels === true,
        skipUnset: options.skipEnvVarCheck === true,
      });
      await printError(issues.map((issue) => `${formatConfigIssue(issue)}\n`).join(''));
      if (options.verbose === true) await print(`${file}: ${issues.length === 0 ? 'OK' : 'FAILED'}\n`);
      failed ||= issues.length > 0;
    }
    if (failed) throw new CliError(EXIT.usage, '');
  });
}
