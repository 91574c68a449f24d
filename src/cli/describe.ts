import { Command } from 'commander';
import { describe, toMermaid, topologyOf } from '../../topology/describe.ts';
import { loadConfig } from '../config/load.ts';
import { addConfigOptions, type ConfigOptions, configArguments } from './config-options.ts';
import { print } from './output.ts';

/** `describe [redpanda.yaml]`: prints the topology that a configuration makes. */
export function describeCommand(): Command {
  return addConfigOptions(new Command('describe'))
    .description("Print the topology in Kafka Streams' text form")
    .option('--mermaid', 'print a Mermaid flowchart instead')
    .action(async (file: string, options: ConfigOptions & { readonly mermaid?: boolean }) => {
      const topology = topologyOf(loadConfig(file, configArguments(options)));
      await print(options.mermaid === true ? toMermaid(topology) : describe(topology));
    });
}
