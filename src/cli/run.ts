import { Command, Option } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { GroupProtocol } from '../kafka/client/settings.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { type Service, startService } from '../runtime/service.ts';
import type { StopResult } from '../runtime/supervise.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigOptions, type ConfigOptions, configArguments } from './config-options.ts';
import { endDespiteNativeCalls, endProcess } from './end-process.ts';

interface RunOptions extends ConfigOptions {
  readonly groupProtocol: GroupProtocol;
  readonly exactlyOnce?: boolean;
}

const CUT_OFF = 'shutdown_timeout passed with records in flight; they come again';

/** `run [redpanda.yaml]`: the service, until SIGTERM or SIGINT; a second signal ends it at once. */
export function runCommand(): Command {
  return addConfigOptions(new Command('run'))
    .description('Run the service until SIGTERM or SIGINT')
    .addOption(
      new Option(
        '--group-protocol <protocol>',
        'eager is for a group whose other members are; consumer needs Kafka 4.0 or newer and rebalances without a stop',
      )
        .choices(['classic', 'eager', 'consumer'])
        .default('classic'),
    )
    .option('--exactly-once', 'outputs and offsets in one Kafka transaction, for readers of committed records')
    .action(async (file: string, options: RunOptions) => {
      const config = loadConfig(file, configArguments(options));
      // Before the first log line: who reads that we have started may ask us to end.
      const signals = listenToSignals();
      const { result, askedAt } = await untilAsked(signals, () =>
        startService(config, { groupProtocol: options.groupProtocol, exactlyOnce: options.exactlyOnce === true }),
      );
      if (result === 'forced') {
        await endDespiteNativeCalls(EXIT.forced, CUT_OFF, 0);
        throw new CliError(EXIT.forced, CUT_OFF);
      }
      const left = askedAt + config.shutdownDelayMs + config.shutdownTimeoutMs - performance.now();
      await endDespiteNativeCalls(EXIT.forced, 'the brokers did not answer the last commit', Math.max(0, left));
    });
}

interface Signals {
  /** Aborted by the first one; a second one ends the process at once. */
  readonly first: AbortSignal;
  /** When that was, by performance.now(). */
  readonly firstAt: number;
  /** Leaves them to the system again. */
  forget(): void;
}

function listenToSignals(): Signals {
  const first = new AbortController();
  let firstAt = Number.NaN;
  const onSignal = () => {
    if (first.signal.aborted) {
      void endDespiteNativeCalls(EXIT.forced, CUT_OFF, 0).then(() => endProcess(EXIT.forced));
      return;
    }
    firstAt = performance.now();
    first.abort();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return {
    first: first.signal,
    get firstAt() {
      return firstAt;
    },
    forget: () => void process.off('SIGTERM', onSignal).off('SIGINT', onSignal),
  };
}

/** Starts the service and waits for its end, which the first signal asks for. */
async function untilAsked(signals: Signals, starting: () => Promise<Service>) {
  try {
    const service = await started(starting);
    const stop = () => void service.stop().catch(() => undefined);
    if (signals.first.aborted) stop();
    else signals.first.addEventListener('abort', stop, { once: true });
    return { result: await ended(service), askedAt: signals.firstAt };
  } finally {
    signals.forget();
  }
}

async function started(starting: () => Promise<Service>): Promise<Service> {
  try {
    return await starting();
  } catch (error) {
    throw new CliError(EXIT.broke, `could not start (${errorCode(error)})`);
  }
}

async function ended(service: Service): Promise<StopResult> {
  try {
    return await service.done;
  } catch (error) {
    throw new CliError(EXIT.broke, `gave up after repeated failures (${errorCode(error)}); the log has the last error`);
  }
}
