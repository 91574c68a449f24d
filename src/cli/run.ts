import { Command, Option } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { GroupProtocol } from '../kafka/settings.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { type Service, startService } from '../runtime/service.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigOptions, type ConfigOptions, configArguments } from './config-options.ts';

interface RunOptions extends ConfigOptions {
  readonly groupProtocol: GroupProtocol;
  readonly exactlyOnce?: boolean;
}

/** `run [redpanda.yaml]`: the service, until SIGTERM or SIGINT; a second signal ends it at once. */
export function runCommand(): Command {
  return addConfigOptions(new Command('run'))
    .description('Run the service until SIGTERM or SIGINT')
    .addOption(
      new Option('--group-protocol <protocol>', 'consumer needs Kafka 4.0 or newer and rebalances without a stop')
        .choices(['classic', 'consumer'])
        .default('classic'),
    )
    .option('--exactly-once', 'outputs and offsets in one Kafka transaction, for readers of committed records')
    .action(async (file: string, options: RunOptions) => {
      const config = loadConfig(file, configArguments(options));
      const service = await start(() =>
        startService(config, { groupProtocol: options.groupProtocol, exactlyOnce: options.exactlyOnce === true }),
      );
      const result = await untilSignal(service);
      if (result === 'forced')
        throw new CliError(EXIT.forced, 'shutdown_timeout passed with records in flight; they come again');
    });
}

async function start(starting: () => Promise<Service>): Promise<Service> {
  try {
    return await starting();
  } catch (error) {
    throw new CliError(EXIT.broke, `could not start (${errorCode(error)})`);
  }
}

/** Waits for the service's end, and passes signals on to it. */
async function untilSignal(service: Service) {
  let signals = 0;
  const onSignal = () => {
    signals++;
    if (signals === 1) void service.stop().catch(() => undefined);
    else process.exit(EXIT.forced);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  try {
    return await service.done;
  } catch (error) {
    throw new CliError(EXIT.broke, `gave up after repeated failures (${errorCode(error)}); the log has the last error`);
  } finally {
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
  }
}
