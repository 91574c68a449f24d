import { Command, Option } from 'commander';
import { loadConfig } from '../config/load.ts';
import { SourceError } from '../errors.ts';
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

const CUT_OFF = 'stopped at shutdown_timeout with records in flight; they are redelivered';

/** `run [redpanda.yaml]`: runs the service until SIGTERM or SIGINT. A second signal ends it immediately. */
export function runCommand(): Command {
  return addConfigOptions(new Command('run'))
    .description('Run the service until SIGTERM or SIGINT')
    .addOption(
      new Option(
        '--group-protocol <protocol>',
        "how the group assigns partitions: use eager if the group's other members use it; consumer needs Kafka 4.0 or newer",
      )
        .choices(['classic', 'eager', 'consumer'])
        .default('classic'),
    )
    .option('--exactly-once', 'commit outputs and offsets in one Kafka transaction, for read_committed readers')
    .action(async (file: string, options: RunOptions) => {
      const config = loadConfig(file, configArguments(options));
      // Before the first log line: a supervisor may send SIGTERM as soon as it reads `started`.
      const signals = listenToSignals();
      const { result, signalledAt } = await runUntilSignal(signals, () =>
        startService(config, { groupProtocol: options.groupProtocol, exactlyOnce: options.exactlyOnce === true }),
      );
      if (result === 'forced') {
        await endDespiteNativeCalls(EXIT.forced, CUT_OFF, 0);
        throw new CliError(EXIT.forced, CUT_OFF);
      }
      const left = signalledAt + config.shutdownDelayMs + config.shutdownTimeoutMs - performance.now();
      await endDespiteNativeCalls(EXIT.forced, 'the brokers did not answer the last commit', Math.max(0, left));
    });
}

interface Signals {
  /** Aborted by the first signal. A second one ends the process immediately. */
  readonly first: AbortSignal;
  /** When the first signal came, by performance.now(). NaN before. */
  readonly firstAt: number;
  /** Removes the listeners. */
  release(): void;
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
    release: () => void process.off('SIGTERM', onSignal).off('SIGINT', onSignal),
  };
}

/** Starts the service and waits until it has ended. The first signal stops it. */
async function runUntilSignal(signals: Signals, starting: () => Promise<Service>) {
  try {
    const service = await started(starting);
    const stop = () => void service.stop().catch(() => undefined);
    if (signals.first.aborted) stop();
    else signals.first.addEventListener('abort', stop, { once: true });
    return { result: await ended(service), signalledAt: signals.firstAt };
  } finally {
    signals.release();
  }
}

async function started(starting: () => Promise<Service>): Promise<Service> {
  try {
    return await starting();
  } catch (error) {
    throw new CliError(EXIT.broke, `the service could not start (${errorCode(error)})`);
  }
}

async function ended(service: Service): Promise<StopResult> {
  try {
    return await service.done;
  } catch (error) {
    throw new CliError(EXIT.broke, reasonOf(error));
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof SourceError && error.code === 'no_committed_offset')
    return `start_offset is committed, but the group has no offset for ${error.detail}: set one with 'offsets reset', or change start_offset`;
  if (error instanceof SourceError && error.code === 'fenced')
    return `another process has joined the group with the same instance_id (${error.detail})`;
  return `the service stopped after repeated failures (${errorCode(error)}); the log has the last error`;
}
