/**
 * npm run faults -- [--seeds N] [--from S] [--seed S] [--shards N] [--database NAMES] [--kind NAMES] [--random] [--only TEXT] [--no-build]
 *
 * Builds the service, starts a Kafka broker and a PostgreSQL server, runs the fault tests against them, and stops the servers.
 *   --seeds N    the number of random sequences of five faults, run in addition to the named scenarios [8]
 *   --from S     the first seed [1]
 *   --seed S     only the sequence of this seed; several separated by commas; a seed may be repeated
 *   --shards N   the number of test processes at once, each with servers of its own [1]
 *   --kind NAMES only faults of these kinds, separated by commas (test/faults/support/random-faults.ts lists them)
 *   --random     without the named scenarios
 *   --database NAMES  the databases of the configuration, separated by commas: postgres, mysql, mariadb [postgres]
 *   --only TEXT  only tests whose names match
 *   --no-build   test the service as it is in dist/
 * PostgreSQL's files are on a small tmpfs, so that a test can fill its disk. Where none can be mounted, that fault is skipped with a message.
 * The last line has the numbers of seeds, faults, passed and failed. Exit code 1 when a test failed.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runShard } from './support/shard.mjs';
import { printTotals } from './support/totals.mjs';

process.chdir(new URL('../..', import.meta.url).pathname);
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '8' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    shards: { type: 'string', default: '1' },
    random: { type: 'boolean', default: false },
    database: { type: 'string', default: 'postgres' },
    kind: { type: 'string' },
    only: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});

if (!values['no-build']) {
  const { status } = spawnSync(process.execPath, ['scripts/setup.mjs', '--build'], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

const seeds =
  values.seed === undefined
    ? Array.from({ length: Number(values.seeds) }, (_, i) => Number(values.from) + i)
    : values.seed.split(',').map(Number);
const SEEDS = 'seeds.test.ts';
const scenarios =
  values.random || values.seed !== undefined
    ? []
    : readdirSync('test/faults').filter((file) => file.endsWith('.test.ts') && file !== SEEDS);
const shards = Math.max(1, Math.min(Number(values.shards), Math.max(seeds.length, scenarios.length)));
const began = Date.now();
const results = await Promise.all(
  Array.from({ length: shards }, (_, shard) => {
    const mine = (all) => all.filter((_, i) => i % shards === shard);
    const { kind, database } = values;
    const files = [...mine(scenarios), ...(mine(seeds).length > 0 ? [SEEDS] : [])];
    const paths = files.map((file) => `test/faults/${file}`);
    return runShard({ seeds: mine(seeds), files: paths, database, kind, only: values.only });
  }),
);
const totals = results.flatMap((result) => result.totals);
const only = values.only ?? 'seed';
// When a test process dies, its remaining seeds don't run; that must not look like success.
const missing = 'seed'.includes(only) ? seeds.filter((seed) => !totals.some((line) => line.seed === seed)) : [];
printTotals(totals, missing, Math.round((Date.now() - began) / 1000));
for (const { code, folder } of results) if (code !== 0) console.log(`logs of what failed: ${folder}`);
process.exit(results.every((result) => result.code === 0) && missing.length === 0 ? 0 : 1);
