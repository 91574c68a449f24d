import { Command } from 'commander';
import { describe, toMermaid } from '../../topology/describe.ts';
import { outlineOf } from '../../topology/outline.ts';
import { loadConfig } from '../config/load.ts';
import { addConfigOptions, type ConfigOptions, configArguments } from './config-options.ts';
import { print } from './output.ts';

interface DescribeOptions extends ConfigOptions {
  readonly mermaid?: boolean;
  readonly exactlyOnce?: boolean;
}

/** `describe [redpanda.yaml]`: prints the topology that a configuration makes. */
export function describeCommand(): Command {
  return addConfigOptions(new Command('describe'))
    .description("Print the topology in Kafka Streams' text form")
    .option('--mermaid', 'print a Mermaid flowchart instead')
    .option('--exactly-once', 'print the topology of run --exactly-once')
    .action(async (file: string, options: DescribeOptions) => {
      const topology = outlineOf(loadConfig(file, configArguments(options)), options);
      await print(options.mermaid === true ? toMermaid(topology) : describe(topology));
    });
}
