import { Command } from 'commander';
import { lintConfig } from '../config/load.ts';
import { formatConfigIssue } from '../errors.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigOptions, type ConfigOptions, configArguments } from './config-options.ts';
import { print } from './output.ts';

/** `lint [redpanda.yaml]`: every finding, one a line as `file(line,col) message`; exit 1 on any. */
export function lintCommand(): Command {
  return addConfigOptions(new Command('lint'))
    .description('Check a configuration: every error at once, with file, line and column')
    .action(async (file: string, options: ConfigOptions) => {
      const issues = lintConfig(file, configArguments(options));
      for (const issue of issues) await print(`${formatConfigIssue(issue)}\n`);
      if (issues.length > 0) throw new CliError(EXIT.usage, '');
    });
}
