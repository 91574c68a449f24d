import { Command } from 'commander';
import type { Config, ProducerConfig } from '../../config/config.ts';
import { loadConfig } from '../../config/load.ts';
import { redrive } from '../../dead-letters/redrive.ts';
import { connectionSettings, deadLetterSettings, PRODUCE_DEADLINE_MS } from '../../kafka/client/settings.ts';
import { createProducer } from '../../kafka/producer/producer.ts';
import { addConfigFlag, type ConfigFlagOptions, configArguments, wholeNumber } from '../config-options.ts';
import { print } from '../output.ts';
import { bar, liveBlock } from '../terminal/live-block.ts';
import { count } from '../terminal/table.ts';
import { FILTER, withDeadLetterTopic } from './dead-letter-topic.ts';

interface RedriveFlags extends ConfigFlagOptions {
  readonly filter?: string;
  readonly limit?: number;
  readonly from?: number;
  readonly to?: number;
  readonly maxRedrives: number;
  readonly dryRun?: boolean;
}

export function redriveCommand(): Command {
  return addConfigFlag(new Command('redrive'))
    .description(
      'Send dead letters back to the topic they came from. The same command continues where the last one stopped',
    )
    .option('--filter <text>', FILTER)
    .option('--limit <n>', 'at most N dead letters', wholeNumber)
    .option('--from <offset>', 'start at this offset of every partition, regardless of earlier redrives', wholeNumber)
    .option('--to <offset>', 'stop before this offset of every partition', wholeNumber)
    .option('--max-redrives <n>', 'skip dead letters that were redriven N times already', wholeNumber, 3)
    .option('--dry-run', 'count without sending')
    .action(async (flags: RedriveFlags) => {
      const config = loadConfig(flags.config, configArguments(flags));
      const done = await withDeadLetterTopic(config, () => redriveWith(config, flags));
      const verb = flags.dryRun === true ? 'would be redriven' : 'redriven';
      await print(
        `${count(done.redriven)} ${verb}, ${count(done.filtered)} did not match, ` +
          `${count(done.capped)} skipped (already redriven ${flags.maxRedrives} times)\n`,
      );
    });
}

async function redriveWith(config: Config, flags: RedriveFlags) {
  const settings = { config: deadLetterSettings(inputProducer(config)), deadlineMs: PRODUCE_DEADLINE_MS };
  const producer = createProducer({ name: 'redrive', ...settings });
  const screen = liveBlock(process.stderr);
  const [fallbackTopic = ''] = config.input.topics;
  const options = { ...flags, topic: config.topics.deadLetter.topic, fallbackTopic, dryRun: flags.dryRun === true };
  try {
    const connection = connectionSettings(config.topics.producer);
    return await redrive(connection, producer, options, ({ seen, total, redriven }) => {
      const shown = `${bar(seen, total)} ${count(seen)} of ${count(total)} read, ${count(redriven)} redriven`.trim();
      screen.show([shown], shown);
    });
  } finally {
    await producer.close();
  }
}

/** The outputs' producer settings with the input's connection: dead letters go back to the cluster they came from. */
function inputProducer({ input, topics }: Config): ProducerConfig {
  const { idempotentWrite, acks, compression, timeoutMs, maxMessageBytes } = topics.producer;
  const { seedBrokers, clientId, tls, sasl } = input;
  const security = { ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl }) };
  return { seedBrokers, clientId, ...security, idempotentWrite, acks, compression, timeoutMs, maxMessageBytes };
}
