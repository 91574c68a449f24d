/**
 * What each hand-written fast path gains end to end: the built service with and without it, on real Kafka and
 * PostgreSQL.
 *
 *   eval "$(scripts/services.sh env)"; npm run bench -- ablation [--records 100000] [--rounds 3] [--only NAME,…] [--delay 5000]
 *
 * A variant is a copy of dist/ in which one module is replaced by the simplest one that gives the same results. The
 * figure is the CPU time of the whole process per record, since other load on the machine changes it least. Each round
 * runs all variants; a ratio compares two runs of the same round. `--delay` makes every file system call below the
 * storage root that many microseconds slower.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { migratePostgres } from '../src/databases/postgres/migrate.ts';
import { Pipeline } from '../src/testing/pipeline.ts';
import { type Result, runService } from './contenders.ts';
import { delayLibrary } from './delay-library.ts';
import { markdown } from './markdown.ts';
import { median } from './median.ts';

interface Ablation {
  readonly name: string;
  /** The module that is replaced, below dist/src. */
  readonly module: string;
  readonly code: string;
}

const UNCHANGED = 'unchanged';

const ABLATIONS: readonly Ablation[] = [
  {
    name: 'plain-store-meta: every record through JSON.parse and the schema',
    module: 'records/plain-store-meta.js',
    code: 'export function readPlainStoreMeta() { return undefined; }',
  },
  {
    name: 'json-values: every row through JSON.parse',
    module: 'databases/json-values.js',
    code: 'export class JsonValues { room = 0; copy() { return -1; } }',
  },
  {
    name: 'pool-growth: all threads as soon as batches wait',
    module: 'dicom/files/pool-growth.js',
    code: 'export class PoolGrowth { finishedFast() {} enough() {} isDue() { return true; } }',
  },
  {
    name: 'pool-growth: one thread',
    module: 'dicom/files/pool-growth.js',
    code: 'export class PoolGrowth { finishedFast() {} enough() {} isDue() { return false; } }',
  },
  {
    name: 'storage-speed: always concurrent',
    module: 'dicom/files/storage-speed.js',
    code: 'export class StorageSpeed { slow = true; startBatch() { return 0; } record() {} }',
  },
  {
    name: 'storage-speed: always in place',
    module: 'dicom/files/storage-speed.js',
    code: 'export class StorageSpeed { slow = false; startBatch() { return 0; } record() {} }',
  },
];

const COPIES = 'tmp/ablation';

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      records: { type: 'string' },
      rounds: { type: 'string' },
      only: { type: 'string' },
      delay: { type: 'string' },
    },
  });
  const records = Number(values.records ?? 100_000);
  const brokers = process.env.WADO_TEST_KAFKA_BROKERS;
  const dsn = process.env.WADO_TEST_POSTGRES_DSN;
  if (brokers === undefined || dsn === undefined) throw new Error('start the services first: scripts/services.sh up');
  const only = values.only?.split(',');
  const ablations = ABLATIONS.filter(({ name }) => only === undefined || only.some((part) => name.startsWith(part)));
  const variants = [UNCHANGED, ...ablations.map(({ name }) => name)];

  rmSync(COPIES, { recursive: true, force: true });
  copyPackage(UNCHANGED);
  for (const ablation of ablations) await ablate(ablation);

  await using source = await Pipeline.create({ brokers, dsn });
  console.error(`writing and publishing ${records} records with their files`);
  await source.publish({ count: records });
  const env = values.delay === undefined ? {} : delayed(source, values.delay);

  const results: Result[] = [];
  for (let round = 0; round < Number(values.rounds ?? 3); round++) {
    // Alternate the order, so that a machine that becomes slower or faster affects all variants alike.
    for (const name of round % 2 === 0 ? variants : variants.toReversed()) {
      await using target = await Pipeline.create({ brokers, dsn });
      await migratePostgres(target.dsn);
      const result = await runService({ source, target, records }, { package: folderOf(name), env });
      console.error(JSON.stringify({ ...result, name }));
      results.push({ ...result, name });
    }
  }
  const headings = ['variant', 'CPU µs/record', '× unchanged', 'records/s', '× unchanged', 'RSS MB'];
  console.log(
    markdown(
      headings,
      variants.map((name) => row(results, name)),
    ),
  );
}

function folderOf(variant: string): string {
  return resolve(COPIES, variant.replace(/[^a-z0-9]+/g, '-'));
}

/** A package of its own, so that the worker's import `#dicom-worker` resolves to the copy. */
function copyPackage(variant: string): string {
  const folder = folderOf(variant);
  mkdirSync(folder, { recursive: true });
  for (const part of ['dist/src', 'dist/topology', 'drizzle', 'package.json', 'redpanda.yaml'])
    cpSync(part, join(folder, part), { recursive: true });
  return folder;
}

async function ablate({ name, module, code }: Ablation): Promise<void> {
  const file = join(copyPackage(name), 'dist/src', module);
  const original = Object.keys(await import(pathToFileURL(resolve('dist/src', module)).href));
  writeFileSync(file, code);
  const replaced = Object.keys(await import(pathToFileURL(file).href));
  if (String(original) !== String(replaced))
    throw new Error(`${module} exports ${original}, its replacement ${replaced}`);
}

function delayed(source: Pipeline, microseconds: string): Record<string, string> {
  const library = delayLibrary(source.folder);
  if (library === undefined) throw new Error('--delay needs a C compiler (cc)');
  return { LD_PRELOAD: library, DELAY_PREFIX: source.store, DELAY_US: microseconds };
}

function row(results: readonly Result[], name: string): string[] {
  const mine = results.filter((result) => result.name === name);
  const unchanged = results.filter((result) => result.name === UNCHANGED);
  const ratios = (of: (result: Result) => number) =>
    spread(mine.map((result, round) => of(result) / of(unchanged[round] ?? result)));
  return [
    name,
    median(mine.map(({ cpuMicros }) => cpuMicros)).toFixed(1),
    ratios(({ cpuMicros }) => cpuMicros),
    median(mine.map(({ rate }) => rate)).toFixed(0),
    ratios(({ rate }) => rate),
    Math.max(...mine.map(({ rssMb }) => rssMb)).toFixed(0),
  ];
}

function spread(ratios: readonly number[]): string {
  return `${median(ratios).toFixed(3)} (${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)})`;
}
