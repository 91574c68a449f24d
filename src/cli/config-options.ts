import { type Command, InvalidArgumentError } from 'commander';

export interface ConfigOptions {
  readonly envFile?: readonly string[];
  readonly set?: readonly string[];
}

export interface ConfigFlagOptions extends ConfigOptions {
  readonly config: string;
}

/** Adds the argument and options of a verb that reads a configuration. The names are Redpanda Connect's. */
export function addConfigOptions(command: Command): Command {
  return addVariables(command.argument('[file]', 'configuration file', 'redpanda.yaml'));
}

/** The same for verbs whose arguments mean something else. */
export function addConfigFlag(command: Command): Command {
  return addVariables(command.option('-c, --config <file>', 'configuration file', 'redpanda.yaml'));
}

/** Adds the options that change what a configuration file says. */
export function addVariables(command: Command): Command {
  return command
    .option('-e, --env-file <file>', 'read variables from a file (repeatable)', collect)
    .option('-s, --set <key=value>', 'set a field, such as input.redpanda.consumer_group=other (repeatable)', collect);
}

export function configArguments(options: ConfigOptions): { envFiles: readonly string[]; sets: readonly string[] } {
  return { envFiles: options.envFile ?? [], sets: options.set ?? [] };
}

export function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('expected a whole number.');
  return Number(value);
}

/** Collects the values of a repeatable option. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}
