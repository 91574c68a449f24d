import type { Command } from 'commander';

export interface ConfigOptions {
  readonly envFile: readonly string[];
  readonly set: readonly string[];
}

/** The argument and options that every verb with a configuration takes; their names are Redpanda Connect's. */
export function addConfigOptions(command: Command): Command {
  return command
    .argument('[file]', 'the configuration', 'redpanda.yaml')
    .option('-e, --env-file <file>', 'read variables from a file (repeatable)', collect, [])
    .option('-s, --set <key=value>', 'set a field, e.g. input.redpanda.consumer_group=other (repeatable)', collect, []);
}

export function configArguments(options: ConfigOptions): { envFiles: readonly string[]; sets: readonly string[] } {
  return { envFiles: options.envFile, sets: options.set };
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}
