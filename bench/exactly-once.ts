/**
 * Throughput of `run --exactly-once` against the default: the built service alternates between both, over the same records and files.
 *
 *   eval "$(scripts/services.sh env)"; npm run bench -- exactly-once [--records 50000] [--rounds 2]
 *
 * A rate is measured from the first to the last batch in the service's log.
 */
import { parseArgs } from 'node:util';
import { migratePostgres } from '../src/databases/postgres/migrate.ts';
import { Pipeline } from '../src/testing/pipeline.ts';
import { markdown } from './markdown.ts';

const MODES = { 'at least once': [], 'exactly once': ['--exactly-once'] } as const;
type Mode = keyof typeof MODES;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { records: { type: 'string' }, rounds: { type: 'string' } },
  });
  const records = Number(values.records ?? 50_000);
  const brokers = process.env.WADO_TEST_KAFKA_BROKERS;
  const dsn = process.env.WADO_TEST_POSTGRES_DSN;
  if (brokers === undefined || dsn === undefined) throw new Error('start the services first: scripts/services.sh up');

  await using source = await Pipeline.create({ brokers, dsn });
  console.error(`writing and publishing ${records} records with their files`);
  await source.publish({ count: records });
  const rates: Record<Mode, number[]> = { 'at least once': [], 'exactly once': [] };
  for (let round = 0; round < Number(values.rounds ?? 2); round++) {
    for (const mode of ['at least once', 'exactly once'] as const) {
      await using target = await Pipeline.create({ brokers, dsn });
      await migratePostgres(target.dsn);
      const rate = await rateOf(source, target, mode);
      console.error(`${mode}: ${Math.round(rate)} records/s`);
      rates[mode].push(rate);
    }
  }
  const best = (mode: Mode) => Math.max(...rates[mode]);
  const ratio = best('exactly once') / best('at least once');
  console.log(
    markdown(
      ['guarantee', 'records/s (best round)', '× at least once', 'goal'],
      [
        ['at least once', String(Math.round(best('at least once'))), '1.00', ''],
        ['exactly once', String(Math.round(best('exactly once'))), ratio.toFixed(2), '≥ 0.50'],
      ],
    ),
  );
}

async function rateOf(source: Pipeline, target: Pipeline, mode: Mode): Promise<number> {
  const service = target.start({ STORAGE_TOPIC: source.topics.input, STORAGE_ROOT: source.store }, MODES[mode]);
  await source.untilGroupCommitted(target.group, 600_000);
  await service.signal('SIGTERM');
  const batches = target
    .logText()
    .split('\n')
    .filter((line) => line.includes('"batch acknowledged"'))
    .map((line) => JSON.parse(line) as { time: string; ms: number; records: number });
  const first = batches[0];
  const last = batches.at(-1);
  if (first === undefined || last === undefined) throw new Error(`no batch was acknowledged; see ${target.log}`);
  const seconds = (Date.parse(last.time) - Date.parse(first.time) + first.ms) / 1_000;
  return batches.reduce((sum, batch) => sum + batch.records, 0) / seconds;
}
