import { appendFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/samples/seeded-random.ts';
import { FaultRun, type MemberOptions, QUICK } from './support/fault-run.ts';
import { describeFaults, type Machine } from './support/machine.ts';
import { sleep } from './support/member.ts';
import { type Fault, randomFault, type Victim } from './support/random-faults.ts';

const FAULTS = 5;
/** The load goes on until the last fault is over; this is only where it would end at last. */
const RECORDS = 20_000;
const PER_SECOND = 150;
/** Promise 11. */
const RSS_MB = 350;

const { WADO_FAULTS_SEED, WADO_FAULTS_SEEDS = '1,2,3,4,5,6,7,8', WADO_FAULTS_TOTALS } = process.env;
const seeds = (WADO_FAULTS_SEED ?? WADO_FAULTS_SEEDS).split(',').map(Number);

describeFaults('any sequence of faults loses nothing, commits nothing too early, and keeps the books', (machine) => {
  for (const seed of seeds) {
    it(`seed ${seed}: five faults in a row`, { timeout: 300_000 }, async () => {
      const began = performance.now();
      const outcome: Outcome = { kind: '', faults: [], records: 0, peakRssMb: 0 };
      let passed = false;
      try {
        const problems = await sequence(machine, seed, outcome);
        for (const problem of problems) console.log(`seed ${seed}: ${problem}`);
        expect(problems).toEqual([]);
        passed = true;
      } finally {
        const seconds = Math.round((performance.now() - began) / 100) / 10;
        console.log(
          `seed ${seed} ${passed ? 'passed' : 'FAILED'}, ${seconds} s, ${outcome.kind}: ${outcome.faults.join('; ')}`,
        );
        if (WADO_FAULTS_TOTALS !== undefined)
          appendFileSync(WADO_FAULTS_TOTALS, `${JSON.stringify({ seed, passed, seconds, ...outcome })}\n`);
      }
    });
  }
});

interface Outcome {
  kind: string;
  readonly faults: string[];
  records: number;
  peakRssMb: number;
}

async function sequence(machine: Machine, seed: number, outcome: Outcome): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const exactlyOnce = random.between(1, 4) === 1;
  await using run = await FaultRun.create(machine, { partitions: random.pick([1, 3, 6]), exactlyOnce });
  const options = kindOfMember(random);
  outcome.kind = `${exactlyOnce ? 'exactly' : 'at least'} once, ${options.args?.at(-1)} protocol`;
  const faults = Array.from({ length: FAULTS }, () => randomFault(random));
  if (random.between(1, 6) === 1) faults[0] = await missingDeadLetterTopic(run, random);
  const victim: Victim = { run, member: run.start(options), options };
  const load = run.load({
    seed,
    count: RECORDS,
    perSecond: PER_SECOND,
    poisonEvery: 97,
    lateEvery: 61,
    repeatEvery: 13,
  });

  const busy = new Map<string, Promise<void>>();
  try {
    for (const fault of faults) {
      const overlaps = random.between(1, 10) <= 4;
      await sleep(random.between(100, 900));
      outcome.faults.push(`${fault.title}${overlaps ? ', and meanwhile' : ''}`);
      const happening = (busy.get(fault.target) ?? Promise.resolve()).then(() => fault.happen(victim));
      happening.catch(() => undefined);
      busy.set(fault.target, happening);
      if (!overlaps) await Promise.all(busy.values());
    }
    await Promise.all(busy.values());
  } finally {
    // One that failed leaves others under way: they must not reach into the next sequence.
    load.stop();
    await Promise.allSettled([...busy.values(), load.done]);
  }
  const problems = await run.verdict();
  await victim.member.stop();
  outcome.records = load.records.length;
  outcome.peakRssMb = Math.round(run.peakRssMb);
  const all = [...problems, ...run.problems.filter((problem) => !problems.includes(problem))];
  if (run.peakRssMb > RSS_MB) all.push(`a member had ${outcome.peakRssMb} MiB of memory`);
  if (all.length > 0) run.keepLogs(`seed-${seed}`);
  return all;
}

/** Only as the first fault: a topic that is deleted later takes its dead letters with it. */
async function missingDeadLetterTopic(run: FaultRun, random: Random): Promise<Fault> {
  const ms = random.between(1_500, 5_000);
  const create = await run.withoutDeadLetterTopic();
  return {
    target: 'dead letters',
    title: `no dead-letter topic for ${ms} ms`,
    async happen() {
      await sleep(ms);
      // Another fault may have taken the broker away.
      for (let tries = 1; ; tries++) {
        try {
          return await create();
        } catch (error) {
          if (tries === 20) throw error;
          await sleep(500);
        }
      }
    },
  };
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
