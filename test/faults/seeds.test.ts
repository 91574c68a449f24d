import { appendFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/testing/seeded-random.ts';
import { FaultRun, type MemberOptions, QUICK } from './support/fault-run.ts';
import { describeFaults, type Machine } from './support/machine.ts';
import { sleep } from './support/member.ts';
import { randomFault, type Victim } from './support/random-faults.ts';

const FAULTS = 5;
const RECORDS = 2_500;
const PER_SECOND = 300;

const { WADO_FAULTS_SEED, WADO_FAULTS_SEEDS, WADO_FAULTS_TOTALS } = process.env;
const seeds =
  WADO_FAULTS_SEED === undefined
    ? Array.from({ length: Number(WADO_FAULTS_SEEDS ?? 8) }, (_, i) => i + 1)
    : [Number(WADO_FAULTS_SEED)];

describeFaults('any sequence of faults loses nothing, commits nothing too early, and keeps the books', (machine) => {
  for (const seed of seeds) {
    it(`seed ${seed}: five faults in a row`, { timeout: 300_000 }, async () => {
      let passed = false;
      try {
        expect(await sequence(machine, seed)).toEqual([]);
        passed = true;
      } finally {
        if (WADO_FAULTS_TOTALS !== undefined)
          appendFileSync(WADO_FAULTS_TOTALS, `${JSON.stringify({ seed, faults: FAULTS, passed })}\n`);
      }
    });
  }
});

async function sequence(machine: Machine, seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  await using run = await FaultRun.create(machine, { partitions: random.pick([1, 3, 6]) });
  const options = kindOfMember(random);
  const victim: Victim = { run, member: run.start(options), options };
  run.load({ seed, count: RECORDS, perSecond: PER_SECOND, poisonEvery: 97, lateEvery: 61, repeatEvery: 13 });

  const busy = new Map<string, Promise<void>>();
  for (let i = 0; i < FAULTS; i++) {
    const fault = randomFault(random);
    const overlaps = random.between(1, 10) <= 3;
    await sleep(random.between(200, 900));
    console.log(`seed ${seed}: ${fault.title}${overlaps ? ', and meanwhile' : ''}`);
    const happening = (busy.get(fault.target) ?? Promise.resolve()).then(() => fault.happen(victim));
    happening.catch(() => undefined);
    busy.set(fault.target, happening);
    if (!overlaps) await Promise.all(busy.values());
  }
  await Promise.all(busy.values());
  const problems = await run.verdict();
  const { member } = victim;
  await member.stop();
  return [...problems, ...run.problems.filter((problem) => !problems.includes(problem))];
}

/** Dynamic or static member, classic or new group protocol: by the seed's first throws. */
function kindOfMember(random: Random): MemberOptions {
  const named = random.between(0, 1) === 0;
  const protocol = random.pick(['classic', 'classic', 'consumer']);
  return {
    env: { FILE_WAIT: '3s', ...(named ? { INSTANCE_ID: 'fault-member' } : {}) },
    args: [...QUICK, '--group-protocol', protocol],
  };
}
