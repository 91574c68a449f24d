import { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { SourceError } from '../errors.ts';
import { createAdmin, type KafkaAdmin } from '../kafka/admin/admin.ts';
import { alterGroupOffsets } from '../kafka/admin/alter-group-offsets.ts';
import type { PartitionOffset } from '../kafka/client/client.ts';
import { connectionSettings } from '../kafka/client/settings.ts';
import { isRealDate } from '../records/calendar.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigFlag, type ConfigFlagOptions, configArguments } from './config-options.ts';
import { withKafka } from './kafka-errors.ts';
import { count, table } from './terminal/table.ts';

/** `offsets show|reset`: where the group stands, and how to make it read again. */
export function offsetsCommand(): Command {
  return new Command('offsets')
    .description("Show the group's offsets, or reset them for a replay")
    .addCommand(showCommand())
    .addCommand(resetCommand());
}

const COLUMNS = ['topic', 'partition', 'begin', 'committed', 'end', 'lag'] as const;

function showCommand(): Command {
  return addConfigFlag(new Command('show'))
    .description('Committed offset, end and lag of every partition')
    .option('--json', 'one JSON object a line')
    .action((options: ConfigFlagOptions & { readonly json?: boolean }) =>
      withAdmin(options, async (config, admin) => {
        const standings = await standingsOf(config, admin);
        if (options.json === true) {
          for (const each of standings)
            process.stdout.write(`${JSON.stringify({ ...each, lag: each.end - next(each) })}\n`);
          return;
        }
        const rows = standings.map((each) => [
          each.topic,
          each.partition,
          each.begin,
          each.committed ?? 'none',
          each.end,
          each.end - next(each),
        ]);
        process.stdout.write(`${table(COLUMNS, rows)}\n`);
      }),
    );
}

function resetCommand(): Command {
  return addConfigFlag(new Command('reset'))
    .description('Move the committed offsets; the service must be stopped. A replay writes only what changed')
    .requiredOption('--to <where>', 'earliest, latest, a time (2026-01-31T12:00:00Z) or an offset')
    .option('--dry-run', 'say what would happen, change nothing')
    .action((options: ConfigFlagOptions & { readonly to: string; readonly dryRun?: boolean }) => {
      const target = targetOf(options.to);
      return withAdmin(options, async (config, admin) => {
        const group = config.input.consumerGroup;
        if (options.dryRun !== true && (await admin.isActive(group))) throw activeGroup(config);
        const offsets: PartitionOffset[] = [];
        let again = 0;
        let skipped = 0;
        const standings = await standingsOf(config, admin);
        const wanted = new Map<string, number>();
        for (const topic of config.input.topics) {
          for (const { partition, offset } of await target(admin, topic)) wanted.set(`${topic}/${partition}`, offset);
        }
        for (const each of standings) {
          const { topic, partition, begin, end } = each;
          const offset = Math.min(end, Math.max(begin, wanted.get(`${topic}/${partition}`) ?? begin));
          offsets.push({ topic, partition, offset });
          again += Math.max(0, next(each) - offset);
          skipped += Math.max(0, offset - next(each));
        }
        if (options.dryRun !== true) await commit(config, offsets);
        const [would, will] = options.dryRun === true ? ['would be', 'would'] : ['are to be', 'will'];
        process.stdout.write(`${count(again)} records ${would} read again, ${count(skipped)} ${will} never be read\n`);
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
    `the group ${input.consumerGroup} (${input.path}) is active: stop the service first, or its next commit undoes the reset. A process that was killed stays in its group for session_timeout`,
  );
}

interface Standing {
  readonly topic: string;
  readonly partition: number;
  readonly begin: number;
  readonly committed: number | null;
  readonly end: number;
}

/** The offset that the group would read next. What was committed may be gone by now: topics forget. */
function next({ begin, committed, end }: Standing): number {
  return Math.min(end, Math.max(begin, committed ?? begin));
}

async function standingsOf({ input }: Config, admin: KafkaAdmin): Promise<readonly Standing[]> {
  const standings: Standing[] = [];
  for (const topic of input.topics) {
    const begins = byPartition(await admin.beginOffsets(topic));
    if (begins.size === 0) throw new CliError(EXIT.failures, `there is no topic ${topic} (${input.path})`);
    const committed = byPartition(await admin.committedOffsets(input.consumerGroup, topic));
    for (const { partition, offset: end } of await admin.endOffsets(topic)) {
      const begin = begins.get(partition) ?? 0;
      standings.push({ topic, partition, begin, committed: committed.get(partition) ?? null, end });
    }
  }
  return standings;
}

function byPartition(offsets: readonly PartitionOffset[]): ReadonlyMap<number, number> {
  return new Map(offsets.map(({ partition, offset }) => [partition, offset]));
}

type Target = (admin: KafkaAdmin, topic: string) => Promise<readonly PartitionOffset[]>;

// A time without a zone would mean another moment on another machine.
const TIME = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/;

function targetOf(to: string): Target {
  if (to === 'earliest') return (admin, topic) => admin.beginOffsets(topic);
  if (to === 'latest') return (admin, topic) => admin.endOffsets(topic);
  if (/^\d+$/.test(to))
    return async (admin, topic) => (await admin.endOffsets(topic)).map((each) => ({ ...each, offset: Number(to) }));
  const time = timeOf(to);
  if (Number.isNaN(time)) {
    throw new CliError(
      EXIT.usage,
      `--to: expected earliest, latest, an offset, or a time with its zone like 2026-01-31T12:00:00Z, not '${to}'`,
    );
  }
  return (admin, topic) => admin.offsetsAt(topic, time);
}

/** Milliseconds since the epoch, or NaN. `Date.parse` alone would take February 31st for March 3rd. */
function timeOf(text: string): number {
  const [, year, month, day] = TIME.exec(text) ?? [];
  return isRealDate(Number(year), Number(month), Number(day)) ? Date.parse(text) : Number.NaN;
}

async function withAdmin(
  options: ConfigFlagOptions,
  work: (config: Config, admin: KafkaAdmin) => Promise<void>,
): Promise<void> {
  const config = loadConfig(options.config, configArguments(options));
  await withKafka(config.input.seedBrokers, async () => {
    const admin = createAdmin(connectionSettings(config.input));
    try {
      await work(config, admin);
    } finally {
      admin.close();
    }
  });
}
