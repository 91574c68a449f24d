import { Argument, Command } from 'commander';
import { HostError, servePlugin } from '../connect-plugin/index.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { PLUGINS } from '../plugins/registry.ts';
import { CliError, EXIT } from './cli-error.ts';

/** `plugin <name>`: serves a plugin on the socket of the Redpanda Connect process that started this one. */
export function pluginCommand(): Command {
  return new Command('plugin')
    .description('Serve a plugin to the Redpanda Connect process that started this one; for the manifests in plugins/')
    .addArgument(new Argument('<name>', 'plugin').choices(Object.keys(PLUGINS)))
    .action(async (name: string) => {
      const plugin = PLUGINS[name];
      if (plugin === undefined) throw new CliError(EXIT.usage, 'there is no plugin with this name');
      try {
        await servePlugin(plugin);
      } catch (error) {
        if (error instanceof HostError) throw new CliError(EXIT.usage, error.message);
        throw new CliError(EXIT.broke, `the plugin could not start (${errorCode(error)})`);
      }
    });
}
