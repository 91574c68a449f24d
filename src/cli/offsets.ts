import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { createAdmin, type KafkaAdmin } from '../kafka/admin.ts';
import type { PartitionOffset } from '../kafka/client.ts';
import { commitAsOutsider } from '../kafka/commit-as-outsider.ts';
import { connectionSettings } from '../kafka/settings.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigFlag, type ConfigFlagOptions, configArguments } from './config-options.ts';
import { count, table } from './terminal/table.ts';

/** `offsets show|reset`: where the group stands, and how to make it read again. */
export function offsetsCommand(): Command {
  return new Command('offsets')
    .description("Show the group's offsets, or reset them for a replay")
    .addCommand(showCommand())
    .addCommand(resetCommand());
}

function showCommand(): Command {
  return addConfigFlag(new Command('show'))
    .description('Committed offset, end and lag of every partition')
    .action((options: ConfigFlagOptions) =>
      withAdmin(options, async (config, admin) => {
        const rows: unknown[][] = [];
        for (const topic of config.input.topics) {
          for (const { partition, begin, end, committed } of await standingOf(
            admin,
            config.input.consumerGroup,
            topic,
          )) {
            rows.push([topic, partition, begin, committed ?? 'none', end, end - (committed ?? begin)]);
          }
        }
        process.stdout.write(`${table(['topic', 'partition', 'begin', 'committed', 'end', 'lag'], rows)}\n`);
      }),
    );
}

function resetCommand(): Command {
  return addConfigFlag(new Command('reset'))
    .description('Move the committed offsets; the service must be stopped. A replay writes only what changed')
    .requiredOption('--to <where>', 'earliest, latest, a time (2026-01-31T12:00:00Z) or an offset')
    .option('--dry-run', 'say what would happen, change nothing')
    .action((options: ConfigFlagOptions & { readonly to: string; readonly dryRun?: boolean }) =>
      withAdmin(options, async (config, admin) => {
        const group = config.input.consumerGroup;
        if (options.dryRun !== true && (await admin.isActive(group))) {
          throw new CliError(
            EXIT.failures,
            `the group ${group} is active: stop the service first, or its next commit undoes the reset`,
          );
        }
        const offsets: PartitionOffset[] = [];
        let again = 0;
        let skipped = 0;
        for (const topic of config.input.topics) {
          const wanted = new Map(
            (await targetOf(admin, topic, options.to)).map(({ partition, offset }) => [partition, offset]),
          );
          for (const { partition, begin, end, committed } of await standingOf(admin, group, topic)) {
            const offset = Math.min(end, Math.max(begin, wanted.get(partition) ?? begin));
            offsets.push({ topic, partition, offset });
            again += Math.max(0, (committed ?? begin) - offset);
            skipped += Math.max(0, offset - (committed ?? begin));
          }
        }
        if (options.dryRun !== true) await commitAsOutsider(connectionSettings(config.input), group, offsets);
        const [would, will] = options.dryRun === true ? ['would be', 'would'] : ['are to be', 'will'];
        process.stdout.write(`${count(again)} records ${would} read again, ${count(skipped)} ${will} never be read\n`);
      }),
    );
}

interface Standing {
  readonly partition: number;
  readonly begin: number;
  readonly end: number;
  readonly committed: number | undefined;
}

async function standingOf(admin: KafkaAdmin, group: string, topic: string): Promise<readonly Standing[]> {
  const offsetOf = (offsets: readonly PartitionOffset[]) =>
    new Map(offsets.map(({ partition, offset }) => [partition, offset]));
  const begins = offsetOf(await admin.beginOffsets(topic));
  const committed = offsetOf(await admin.committedOffsets(group, topic));
  const ends = await admin.endOffsets(topic);
  return ends.map(({ partition, offset }) => ({
    partition,
    begin: begins.get(partition) ?? 0,
    end: offset,
    committed: committed.get(partition),
  }));
}

async function targetOf(admin: KafkaAdmin, topic: string, to: string): Promise<readonly PartitionOffset[]> {
  if (to === 'earliest') return await admin.beginOffsets(topic);
  if (to === 'latest') return await admin.endOffsets(topic);
  if (/^\d+$/.test(to)) return (await admin.endOffsets(topic)).map((each) => ({ ...each, offset: Number(to) }));
  const time = Date.parse(to);
  if (Number.isNaN(time))
    throw new CliError(EXIT.usage, `--to: expected earliest, latest, a time or an offset, not '${to}'`);
  return await admin.offsetsAt(topic, time);
}

async function withAdmin(
  options: ConfigFlagOptions,
  work: (config: Config, admin: KafkaAdmin) => Promise<void>,
): Promise<void> {
  const config = loadConfig(options.config, configArguments(options));
  const admin = createAdmin(connectionSettings(config.input));
  try {
    await work(config, admin);
  } finally {
    admin.close();
  }
}
