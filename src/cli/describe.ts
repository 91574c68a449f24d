import { Command } from 'commander';
import { describe, graphOf, toMermaid } from '../../topology/describe.ts';
import { loadConfig } from '../config/load.ts';
import { addConfigOptions, type ConfigOptions, configArguments } from './config-options.ts';
import { print } from './output.ts';

/** `describe [redpanda.yaml]`: the graph that a configuration makes, as text in Kafka Streams' form or as Mermaid. */
export function describeCommand(): Command {
  return addConfigOptions(new Command('describe'))
    .description("Print the graph, in Kafka Streams' text form")
    .option('--mermaid', 'as a Mermaid flowchart instead')
    .action(async (file: string, options: ConfigOptions & { readonly mermaid?: boolean }) => {
      const graph = graphOf(loadConfig(file, configArguments(options)));
      await print(options.mermaid === true ? toMermaid(graph) : describe(graph));
    });
}
