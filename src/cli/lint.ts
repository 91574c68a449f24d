import { Command } from 'commander';
import { lintConfig } from '../config/load.ts';
import { formatConfigIssue } from '../errors.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigOptions, type ConfigOptions, configArguments } from './config-options.ts';
import { print } from './output.ts';

/** `lint [redpanda.yaml]`: prints each finding as `file(line,column) message`. Exit code 1 if there is any. */
export function lintCommand(): Command {
  return addConfigOptions(new Command('lint'))
    .description('Check a configuration and print every error with file, line and column')
    .action(async (file: string, options: ConfigOptions) => {
      const issues = lintConfig(file, configArguments(options));
      for (const issue of issues) await print(`${formatConfigIssue(issue)}\n`);
      if (issues.length > 0) throw new CliError(EXIT.usage, '');
    });
}
