/**
 * Throughput of the built service on real Kafka and PostgreSQL, compared with other implementations over the same records and files.
 *
 *   eval "$(scripts/services.sh env)"; npm run bench -- pipeline [--records 100000] [--rounds 3] [--only prototype,service]
 *     [--baseline DIR] [--flags "NODE FLAGS"]…
 *
 * A rate is measured from the first to the last batch, as the contender reports it. CPU is that of the whole process, including its start.
 * Rates, ratios and CPU are medians of the rounds, ratios with minimum and maximum; memory and delay are the worst round. One round is not
 * enough: a machine's speed varies by a fifth between two rounds. `--baseline` adds the service as built in another checkout,
 * `--flags` this one with other flags of Node than the image's.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { migratePostgres } from '../src/databases/postgres/migrate.ts';
import type { LoadRecord } from '../src/testing/load.ts';
import { Pipeline } from '../src/testing/pipeline.ts';
import { baseline, CONTENDERS, type Contender, type Result, withFlags } from './contenders.ts';
import { markdown } from './markdown.ts';
import { median } from './median.ts';

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string' },
      rounds: { type: 'string' },
      only: { type: 'string' },
      baseline: { type: 'string' },
      flags: { type: 'string', multiple: true, default: [] },
    },
  });
  const records = Number(values.records ?? 100_000);
  const brokers = process.env.WADO_TEST_KAFKA_BROKERS;
  const dsn = process.env.WADO_TEST_POSTGRES_DSN;
  if (brokers === undefined || dsn === undefined) throw new Error('start the services first: scripts/services.sh up');

  await using source = await Pipeline.create({ brokers, dsn });
  console.error(`writing and publishing ${records} records with their files`);
  const load = await source.publish({ count: records });
  const only = values.only?.split(',');
  const all = values.baseline === undefined ? CONTENDERS : [baseline(values.baseline), ...CONTENDERS];
  const chosen = all.filter(({ name }) => name === 'baseline' || only === undefined || only.includes(name));
  const contenders = [...chosen, ...values.flags.map(withFlags)].filter(isThere);

  const results: Result[] = [];
  for (let round = 0; round < Number(values.rounds ?? 3); round++) {
    // Alternate the order, so that a machine that becomes slower or faster affects all contenders alike.
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      await warm(load);
      await using target = await Pipeline.create({ brokers, dsn });
      await migratePostgres(target.dsn);
      console.error(`running ${contender.name}`);
      const result = await contender.run({ source, target, records });
      console.error(JSON.stringify(result));
      results.push({ ...result, name: contender.name });
    }
  }
  console.log(
    markdown(
      [
        'contender',
        'records/s',
        '× plain',
        '× prototype',
        '× baseline',
        'CPU µs/record',
        'CPU × baseline',
        'RSS MB',
        'loop delay p99 ms',
      ],
      rows(results),
    ),
  );
}

function isThere(contender: Contender): boolean {
  if (contender.needs === undefined || existsSync(contender.needs)) return true;
  console.error(`left out: ${contender.name} (there is no ${contender.needs})`);
  return false;
}

/** Reads all files, so that every contender starts with a warm page cache. */
async function warm(load: readonly LoadRecord[]): Promise<void> {
  for (let i = 0; i < load.length; i += 64) {
    await Promise.all(
      load.slice(i, i + 64).map(async (record) => {
        const path =
          record.expected === undefined ? undefined : (JSON.parse(record.value) as { file_path: string }).file_path;
        if (path !== undefined) await readFile(path);
      }),
    );
  }
}

function rows(results: readonly Result[]): string[][] {
  return [...new Set(results.map(({ name }) => name))].map((name) => row(results, name));
}

function row(results: readonly Result[], name: string): string[] {
  const mine = results.filter((result) => result.name === name);
  return [
    name,
    String(Math.round(median(mine.map((result) => result.rate)))),
    timesAsFast(results, name, 'plain'),
    timesAsFast(results, name, 'prototype'),
    timesAsFast(results, name, 'baseline'),
    String(Math.round(median(mine.map((result) => result.cpuMicros)))),
    ratios(results, name, 'baseline', ({ cpuMicros }) => cpuMicros),
    String(Math.round(Math.max(...mine.map((result) => result.rssMb)))),
    mine.some((result) => result.loopDelayMs === undefined)
      ? ''
      : String(Math.round(Math.max(...mine.map((result) => result.loopDelayMs ?? 0)))),
  ];
}

function timesAsFast(results: readonly Result[], name: string, other: string): string {
  return ratios(results, name, other, ({ rate }) => rate);
}

/** The median of the rounds' ratios, with minimum and maximum. Ratios are taken within a round because the machine's speed varies. */
function ratios(results: readonly Result[], name: string, other: string, figure: (result: Result) => number): string {
  const figuresOf = (contender: string) => results.filter((result) => result.name === contender).map(figure);
  const others = figuresOf(other);
  if (others.length === 0) return '';
  const each = figuresOf(name).map((value, round) => value / (others[round] ?? Number.NaN));
  const middle = median(each).toFixed(2);
  if (name === other || each.length === 1) return middle;
  return `${middle} (${Math.min(...each).toFixed(2)} to ${Math.max(...each).toFixed(2)})`;
}
