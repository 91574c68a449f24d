/**
 * npm run faults -- [--seeds N] [--from S] [--seed S] [--shards N] [--random] [--only TEXT] [--no-build]
 *
 * Builds, starts a Kafka and a PostgreSQL of its own, runs the fault tests against them and stops them again.
 *   --seeds N    so many random sequences of five faults each, beside the named scenarios [8]
 *   --from S     the first of them [1]
 *   --seed S     only that sequence, as it was; several with commas between, one as often as it is named
 *   --shards N   so many at once, each with servers of its own [1]
 *   --random     without the named scenarios
 *   --only TEXT  only tests whose names match
 *   --no-build   the service as it stands in dist/
 * PostgreSQL's files lie on a small tmpfs, so that its disk can be filled; where none can be mounted, that fault is skipped and said so.
 * Last line: seeds, faults, passed, failed. Exit code 1 when a test failed.
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
    const files = [...mine(scenarios), ...(mine(seeds).length > 0 ? [SEEDS] : [])];
    return runShard({ seeds: mine(seeds), files: files.map((file) => `test/faults/${file}`), only: values.only });
  }),
);
const totals = results.flatMap((result) => result.totals);
const only = values.only ?? 'seed';
// A test process that dies takes the seeds behind it along; no sum may hide that.
const missing = 'seed'.includes(only) ? seeds.filter((seed) => !totals.some((line) => line.seed === seed)) : [];
printTotals(totals, missing, Math.round((Date.now() - began) / 1000));
for (const { code, folder } of results) if (code !== 0) console.log(`logs of what failed: ${folder}`);
process.exit(results.every((result) => result.code === 0) && missing.length === 0 ? 0 : 1);
