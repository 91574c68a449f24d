import { Command } from 'commander';
import type { Config, ProducerConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { type DeadLetter, readDeadLetter } from '../dead-letters/read-dead-letter.ts';
import { matches, redrive } from '../dead-letters/redrive.ts';
import { createAdmin } from '../kafka/admin/admin.ts';
import { type ReadTopicOptions, readTopic } from '../kafka/admin/read-topic.ts';
import { connectionSettings, MESSAGE_TIMEOUT_MS, producerSettings } from '../kafka/client/settings.ts';
import { createProducer } from '../kafka/producer/producer.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigFlag, type ConfigFlagOptions, configArguments, wholeNumber } from './config-options.ts';
import { withKafka } from './kafka-errors.ts';
import { print } from './output.ts';
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

interface ListFlags extends ConfigFlagOptions {
  readonly json?: boolean;
  readonly filter?: string;
  readonly limit?: number;
}

const FILTER = 'only those whose error contains this text, e.g. file_missing';

function listCommand(): Command {
  return addConfigFlag(new Command('list'))
    .description('One line a dead letter: where it stands, when it came, why. No keys, no values')
    .option('--json', 'one JSON object a line')
    .option('--filter <text>', FILTER)
    .option('--limit <n>', 'at most N', wholeNumber)
    .action(async (flags: ListFlags) => {
      const config = loadConfig(flags.config, configArguments(flags));
      const rows: unknown[][] = [];
      let listed = 0;
      await withDeadLetters(config, {}, async (letters) => {
        if (flags.limit === 0) return;
        for await (const letter of letters) {
          if (!matches(letter, flags.filter)) continue;
          listed++;
          const { at, time, exception, message, from, redrives } = summaryOf(letter);
          if (flags.json !== true) rows.push([at, time, exception, message, from, redrives]);
          else if (!(await print(`${JSON.stringify(summaryOf(letter))}\n`))) return;
          if (listed === flags.limit) return;
        }
      });
      if (flags.json === true) return;
      await print(`${table(['at', 'time', 'exception', 'message', 'from', 'redrives'], rows)}\n`);
      await print(`${count(listed)} dead letters\n`);
    });
}

function summaryOf({ record, exception, message, origin, redrives }: DeadLetter) {
  return {
    at: `${record.partition}:${record.offset}`,
    time: new Date(record.timestamp).toISOString(),
    exception,
    message,
    from: origin === undefined ? null : `${origin.topic}/${origin.partition}:${origin.offset}`,
    redrives,
  };
}

function showCommand(): Command {
  return addConfigFlag(new Command('show'))
    .description('One dead letter: its headers and, if asked for, its value, which names a patient')
    .argument('<at>', 'PARTITION:OFFSET, or OFFSET in partition 0')
    .option('--value', 'print the value too, byte for byte')
    .action(async (at: string, options: ConfigFlagOptions & { readonly value?: boolean }) => {
      const match = /^(?:(\d+):)?(\d+)$/.exec(at);
      if (match === null)
        throw new CliError(EXIT.usage, `expected PARTITION:OFFSET, as dlq list prints it, not '${at}'`);
      const partition = Number(match[1] ?? 0);
      const offset = Number(match[2]);
      const span = { partition, from: new Map([[partition, offset]]), to: new Map([[partition, offset + 1]]) };
      const config = loadConfig(options.config, configArguments(options));
      await withDeadLetters(config, span, async (letters) => {
        for await (const letter of letters) {
          const headers = letter.record.headers.map(([name, value]) => [name, value?.toString() ?? null]);
          await print(`${JSON.stringify({ ...summaryOf(letter), headers }, null, 2)}\n`);
          if (options.value !== true) return;
          await print(letter.record.value ?? 'null');
          await print('\n');
          return;
        }
        throw new CliError(
          EXIT.failures,
          `there is no dead letter at ${partition}:${offset} of ${config.topics.deadLetter.topic}`,
        );
      });
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
    .option('--filter <text>', FILTER)
    .option('--limit <n>', 'at most N', wholeNumber)
    .option('--from <offset>', 'begin at this offset of every partition, whatever was redriven before', wholeNumber)
    .option('--to <offset>', 'stop before this offset of every partition', wholeNumber)
    .option('--max-redrives <n>', 'leave those that came back so often', wholeNumber, 3)
    .option('--dry-run', 'count, send nothing')
    .action(async (flags: RedriveFlags) => {
      const config = loadConfig(flags.config, configArguments(flags));
      const done = await withDeadLetters(config, undefined, () => redriveWith(config, flags));
      const verb = flags.dryRun === true ? 'would be redriven' : 'redriven';
      await print(
        `${count(done.redriven)} ${verb}, ${count(done.filtered)} did not match, ${count(done.capped)} came back ${flags.maxRedrives} times already\n`,
      );
    });
}

async function redriveWith(config: Config, flags: RedriveFlags) {
  const settings = { config: producerSettings(inputProducer(config)), deadlineMs: MESSAGE_TIMEOUT_MS };
  const producer = createProducer({ name: 'redrive', ...settings });
  const screen = liveBlock(process.stderr);
  const [fallbackTopic = ''] = config.input.topics;
  const options = { ...flags, topic: config.topics.deadLetter.topic, fallbackTopic, dryRun: flags.dryRun === true };
  try {
    const connection = connectionSettings(config.topics.producer);
    return await redrive(connection, producer, options, ({ seen, total, redriven }) => {
      const shown =
        `${bar(seen, total)} ${count(seen)} of ${count(total)} looked at, ${count(redriven)} redriven`.trim();
      screen.show([shown], shown);
    });
  } finally {
    await producer.close();
  }
}

/** The outputs' settings at the input's cluster: that is where dead letters came from and go back to. */
function inputProducer({ input, topics }: Config): ProducerConfig {
  const { idempotentWrite, acks, compression, timeoutMs, maxMessageBytes } = topics.producer;
  const { seedBrokers, clientId, tls, sasl } = input;
  const security = { ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl }) };
  return { seedBrokers, clientId, ...security, idempotentWrite, acks, compression, timeoutMs, maxMessageBytes };
}

/** Looks whether there is a dead-letter topic at all before it goes to work on what it holds. */
async function withDeadLetters<T>(
  config: Config,
  span: ReadTopicOptions | undefined,
  work: (letters: AsyncIterable<DeadLetter>) => Promise<T>,
): Promise<T> {
  const { producer, deadLetter } = config.topics;
  const connection = connectionSettings(producer);
  return await withKafka(producer.seedBrokers, async () => {
    const admin = createAdmin(connection);
    try {
      if ((await admin.partitions(deadLetter.topic)).length === 0) {
        throw new CliError(
          EXIT.failures,
          `there is no topic ${deadLetter.topic} (${deadLetter.path}): either nothing was dead-lettered yet, or the name is wrong`,
        );
      }
    } finally {
      admin.close();
    }
    return await work(read());
  });

  async function* read() {
    for await (const record of readTopic(connection, deadLetter.topic, span)) yield readDeadLetter(record);
  }
}
