import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { codeOf, type DeadLetter, readDeadLetter } from '../dead-letters/dead-letter.ts';
import { redrive } from '../dead-letters/redrive.ts';
import { createProducer } from '../kafka/producer.ts';
import { readTopic } from '../kafka/read-topic.ts';
import { connectionSettings, MESSAGE_TIMEOUT_MS, producerSettings } from '../kafka/settings.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigFlag, type ConfigFlagOptions, configArguments, wholeNumber } from './config-options.ts';
import { bar, liveBlock } from './terminal/live-block.ts';
import { count, table } from './terminal/table.ts';

/** `dlq list|show|redrive`: what could never be processed, and the way back. Works while the service runs. */
export function dlqCommand(): Command {
  return new Command('dlq')
    .description('Look at dead letters and send them back')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(redriveCommand());
}

function listCommand(): Command {
  return addConfigFlag(new Command('list'))
    .description('One line a dead letter: where it stands, when it came, why. No keys, no values')
    .option('--json', 'one JSON object a line')
    .option('--limit <n>', 'so many at most', wholeNumber)
    .action(async (options: ConfigFlagOptions & { readonly json?: boolean; readonly limit?: number }) => {
      const letters: DeadLetter[] = [];
      for await (const letter of deadLettersOf(loadConfig(options.config, configArguments(options)))) {
        if (options.json === true) process.stdout.write(`${JSON.stringify(summaryOf(letter))}\n`);
        letters.push(letter);
        if (letters.length === options.limit) break;
      }
      if (options.json === true) return;
      const rows = letters
        .map(summaryOf)
        .map((each) => [each.at, each.time, each.exception, each.message, each.from ?? '', each.redrives]);
      process.stdout.write(`${table(['at', 'time', 'exception', 'message', 'from', 'redrives'], rows)}\n`);
      process.stdout.write(`${count(letters.length)} dead letters\n`);
    });
}

function summaryOf({ record, exception, message, origin, redrives }: DeadLetter) {
  return {
    at: `${record.partition}:${record.offset}`,
    time: new Date(record.timestamp).toISOString(),
    exception,
    message,
    ...(origin === undefined ? {} : { from: `${origin.topic}/${origin.partition}:${origin.offset}` }),
    redrives,
  };
}

function showCommand(): Command {
  return addConfigFlag(new Command('show'))
    .description('One dead letter: its headers and, if asked for, its value, which names a patient')
    .argument('<at>', 'PARTITION:OFFSET, or OFFSET in partition 0')
    .option('--value', 'print the value too')
    .action(async (at: string, options: ConfigFlagOptions & { readonly value?: boolean }) => {
      const match = /^(?:(\d+):)?(\d+)$/.exec(at);
      if (match === null) throw new CliError(EXIT.usage, `expected PARTITION:OFFSET, not '${at}'`);
      const partition = Number(match[1] ?? 0);
      const offset = Number(match[2]);
      const span = { partition, from: new Map([[partition, offset]]), to: new Map([[partition, offset + 1]]) };
      for await (const letter of deadLettersOf(loadConfig(options.config, configArguments(options)), span)) {
        const headers = letter.record.headers.map(([name, value]) => [name, value?.toString() ?? null]);
        process.stdout.write(`${JSON.stringify({ ...summaryOf(letter), code: codeOf(letter), headers }, null, 2)}\n`);
        if (options.value === true) process.stdout.write(`${letter.record.value?.toString() ?? 'null'}\n`);
        return;
      }
      throw new CliError(EXIT.failures, `there is no dead letter at ${partition}:${offset}`);
    });
}

interface RedriveFlags extends ConfigFlagOptions {
  readonly filter?: string;
  readonly limit?: number;
  readonly from?: number;
  readonly to?: number;
  readonly maxRedrives: number;
  readonly dryRun?: boolean;
}

function redriveCommand(): Command {
  return addConfigFlag(new Command('redrive'))
    .description(
      'Send dead letters back to the topic they came from. The same command goes on where it was interrupted',
    )
    .option('--filter <text>', 'only those whose error message contains it, e.g. file_missing')
    .option('--limit <n>', 'so many at most', wholeNumber)
    .option('--from <offset>', 'begin at this offset of every partition, whatever was redriven before', wholeNumber)
    .option('--to <offset>', 'stop before this offset of every partition', wholeNumber)
    .option('--max-redrives <n>', 'leave those that came back so often', wholeNumber, 3)
    .option('--dry-run', 'count, send nothing')
    .action(async (flags: RedriveFlags) => {
      const config = loadConfig(flags.config, configArguments(flags));
      const settings = { config: producerSettings(config.topics.producer), deadlineMs: MESSAGE_TIMEOUT_MS };
      const producer = createProducer({ name: 'redrive', ...settings });
      const screen = liveBlock(process.stderr);
      const [fallbackTopic = ''] = config.input.topics;
      const lines = (seen: number, total: number, redriven: number) =>
        [
          `${bar(seen, total)} ${count(seen)} of ${count(total)} looked at, ${count(redriven)} redriven`.trim(),
        ] as const;
      try {
        const options = {
          ...flags,
          topic: config.topics.deadLetter.topic,
          fallbackTopic,
          dryRun: flags.dryRun === true,
        };
        const done = await redrive(connectionSettings(config.input), producer, options, ({ seen, total, redriven }) => {
          const shown = lines(seen, total, redriven);
          screen.show(shown, shown[0]);
        });
        const verb = options.dryRun ? 'would be redriven' : 'redriven';
        process.stdout.write(
          `${count(done.redriven)} ${verb}, ${count(done.filtered)} did not match, ${count(done.capped)} came back ${flags.maxRedrives} times already\n`,
        );
      } finally {
        await producer.close();
      }
    });
}

async function* deadLettersOf(config: Config, span: Parameters<typeof readTopic>[2] = {}): AsyncGenerator<DeadLetter> {
  const connection = connectionSettings(config.input);
  for await (const record of readTopic(connection, config.topics.deadLetter.topic, span)) yield readDeadLetter(record);
}
