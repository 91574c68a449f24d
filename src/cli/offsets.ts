import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { SourceError } from '../errors.ts';
import { createAdmin, type KafkaAdmin } from '../kafka/admin/admin.ts';
import { alterGroupOffsets } from '../kafka/admin/alter-group-offsets.ts';
import type { PartitionOffset } from '../kafka/client/client.ts';
import { connectionSettings } from '../kafka/client/settings.ts';
import { countOf } from '../kafka/consumer/done-ranges.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigFlag, type ConfigFlagOptions, configArguments } from './config-options.ts';
import {
  type Gap,
  type GroupOffset,
  gapsOf,
  groupOffsets,
  lagOf,
  parseResetTarget,
  planReset,
} from './group-offsets.ts';
import { withKafka } from './kafka-errors.ts';
import { print } from './output.ts';
import { count, table } from './terminal/table.ts';

/** `offsets show|reset`: shows the consumer group's offsets, and moves them for a replay. */
export function offsetsCommand(): Command {
  return new Command('offsets')
    .description("Show the group's offsets, or reset them for a replay")
    .addCommand(showCommand())
    .addCommand(resetCommand());
}

const COLUMNS = ['topic', 'partition', 'begin', 'committed', 'end', 'lag', 'done above', 'gaps'] as const;
/** Maximum number of gaps per partition in the text; `--json` has all. */
const SHOWN_GAPS = 20;

function showCommand(): Command {
  return addConfigFlag(new Command('show'))
    .description('Show committed offset, end offset, lag and gaps of every partition')
    .option('--json', 'print one JSON object per line')
    .action((options: ConfigFlagOptions & { readonly json?: boolean }) =>
      withAdmin('reading', options, async (config, admin) => {
        const offsets = await offsetsOf(config, admin);
        const isActive = await admin.isActive(config.input.consumerGroup);
        if (options.json === true) {
          for (const each of offsets) {
            const { done, ...rest } = each;
            const gaps = gapsOf(each, isActive);
            await print(`${JSON.stringify({ ...rest, lag: lagOf(each), done: countOf(done), gaps })}\n`);
          }
          return;
        }
        const rows = offsets.map((each) => [
          each.topic,
          each.partition,
          each.begin,
          each.committed ?? 'none',
          each.end,
          lagOf(each),
          countOf(each.done),
          gapsOf(each, isActive).length,
        ]);
        await print(`${table(COLUMNS, rows)}\n`);
        for (const each of offsets) await printGaps(each, isActive);
      }),
    );
}

async function printGaps(offset: GroupOffset, isActive: boolean): Promise<void> {
  const gaps = gapsOf(offset, isActive);
  if (gaps.length === 0) return;
  const lines = gaps.slice(0, SHOWN_GAPS).map(({ first, last, why }) => {
    return `  ${first === last ? first : `${first} to ${last}`}: ${WHY[why]}`;
  });
  const more = gaps.length > SHOWN_GAPS ? [`  and ${gaps.length - SHOWN_GAPS} more`] : [];
  await print(`\n${[`gaps of ${offset.topic}/${offset.partition}:`, ...lines, ...more].join('\n')}\n`);
}

const WHY: Readonly<Record<Gap['why'], string>> = {
  deleted: 'deleted by retention before it was processed',
  open: 'in flight, or waiting for its file',
  left: 'not processed; the next process of the group consumes it',
};

function resetCommand(): Command {
  return addConfigFlag(new Command('reset'))
    .description('Move the committed offsets; stop the service first')
    .requiredOption('--to <where>', 'earliest, latest, a time (2026-01-31T12:00:00Z) or an offset')
    .option('--dry-run', 'count the records, change nothing')
    .action((options: ConfigFlagOptions & { readonly to: string; readonly dryRun?: boolean }) => {
      const dryRun = options.dryRun === true;
      const target = parseResetTarget(options.to);
      if (target === undefined) {
        throw new CliError(
          EXIT.usage,
          `--to: expected earliest, latest, an offset, or a time with its zone like 2026-01-31T12:00:00Z, not '${options.to}'`,
        );
      }
      return withAdmin(dryRun ? 'reading' : 'resetting', options, async (config, admin) => {
        if (!dryRun && (await admin.isActive(config.input.consumerGroup))) throw activeGroup(config);
        const current = await offsetsOf(config, admin);
        const wanted: PartitionOffset[] = [];
        for (const topic of config.input.topics) wanted.push(...(await target(admin, topic)));
        const { offsets, replayed, skipped } = planReset(current, wanted);
        if (!dryRun) await commit(config, offsets);
        const will = dryRun ? 'would' : 'will';
        await print(`${count(replayed)} records ${will} be consumed again, ${count(skipped)} ${will} be skipped\n`);
      });
    });
}

async function commit(config: Config, offsets: readonly PartitionOffset[]): Promise<void> {
  try {
    await alterGroupOffsets(connectionSettings(config.input), config.input.consumerGroup, offsets);
  } catch (error) {
    if (error instanceof SourceError && error.code === 'fenced') throw activeGroup(config);
    throw error;
  }
}

function activeGroup({ input }: Config): CliError {
  return new CliError(
    EXIT.failures,
    `the group ${input.consumerGroup} (${input.path}) is active: stop the service first, or its next commit undoes the reset. A killed process stays in its group for session_timeout`,
  );
}

async function offsetsOf({ input }: Config, admin: KafkaAdmin): Promise<readonly GroupOffset[]> {
  const offsets: GroupOffset[] = [];
  for (const topic of input.topics) {
    const found = await groupOffsets(admin, input.consumerGroup, topic);
    if (found.length === 0) throw new CliError(EXIT.failures, `there is no topic ${topic} (${input.path})`);
    offsets.push(...found);
  }
  return offsets;
}

async function withAdmin(
  action: string,
  options: ConfigFlagOptions,
  work: (config: Config, admin: KafkaAdmin) => Promise<void>,
): Promise<void> {
  const config = loadConfig(options.config, configArguments(options));
  const { seedBrokers, consumerGroup } = config.input;
  await withKafka(`${action} the offsets of group ${consumerGroup}`, seedBrokers, async () => {
    const admin = createAdmin(connectionSettings(config.input));
    try {
      await work(config, admin);
    } finally {
      admin.close();
    }
  });
}
