import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/samples/seeded-random.ts';
import { FaultRun, type MemberOptions, QUICK } from './support/fault-run.ts';
import type { Fault, Victim } from './support/faults/fault.ts';
import { describeFaults, type Machine } from './support/machine.ts';
import { randomSequence } from './support/random-faults.ts';

const FAULTS = 5;
/** More than a sequence needs: the load is stopped when the last fault is over. */
const RECORDS = 20_000;
const PER_SECOND = 150;
/** Promise 11. */
const RSS_MB = 350;

const { WADO_FAULTS_SEED, WADO_FAULTS_SEEDS = '1,2,3,4,5,6,7,8', WADO_FAULTS_KIND, WADO_FAULTS_TOTALS } = process.env;
const seeds = (WADO_FAULTS_SEED ?? WADO_FAULTS_SEEDS).split(',').map(Number);

describeFaults('any sequence of faults loses nothing, commits nothing too early, balances the counters', (machine) => {
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
  const names = machine.databases.map(({ name }) => name);
  const { faults, gentle } = randomSequence(random, FAULTS, names, WADO_FAULTS_KIND);
  await using run = await FaultRun.create(machine, { partitions: random.pick([1, 3, 6]), exactlyOnce, gentle });
  const options = kindOfMember(random);
  const kind = `${exactlyOnce ? 'exactly' : 'at least'} once, ${options.args?.at(-1)} protocol`;
  outcome.kind = gentle ? `${kind}, gentle faults` : kind;
  const withoutTopic = !gentle && WADO_FAULTS_KIND === undefined && random.between(1, 6) === 1;
  const first = withoutTopic ? [await missingDeadLetterTopic(run, random)] : [];
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
    for (const fault of [...first, ...faults.slice(first.length)]) {
      const overlaps = random.between(1, 10) <= 4;
      await sleep(random.between(100, 900));
      outcome.faults.push(`${fault.title}${overlaps ? ', and meanwhile' : ''}`);
      const earlier = fault.targets.map((target) => busy.get(target));
      const happening = Promise.all(earlier).then(() => fault.happen(victim));
      happening.catch(() => undefined);
      for (const target of fault.targets) busy.set(target, happening);
      if (!overlaps) await within(90, 'a fault', Promise.all(busy.values()));
    }
    await within(90, 'a fault', Promise.all(busy.values()));
  } finally {
    // When one fault fails, wait for the others: they must not run into the next sequence.
    load.stop();
    await within(60, 'the load', Promise.allSettled([...busy.values(), load.done]));
  }
  const problems = await within(120, 'the verdict', run.verdict());
  await within(30, 'the shutdown of the member', victim.member.stop());
  outcome.records = load.records.length;
  outcome.peakRssMb = Math.round(run.peakRssMb);
  const all = [...problems, ...run.problems.filter((problem) => !problems.includes(problem))];
  if (run.peakRssMb > RSS_MB) all.push(`a member had ${outcome.peakRssMb} MiB of memory`);
  if (all.length > 0) run.keepLogs(`seed-${seed}`);
  return all;
}

/** Names the step that doesn't end, and lets the run be closed: the next sequence needs its ports. */
async function within<T>(seconds: number, step: string, work: Promise<T>): Promise<T> {
  const ended = new AbortController();
  const deadline = sleep(seconds * 1_000, undefined, { signal: ended.signal }).then(() => {
    throw new Error(`${step} did not end within ${seconds} s`);
  });
  deadline.catch(() => undefined);
  return await Promise.race([work, deadline]).finally(() => ended.abort());
}

/** Only as the first fault: deleting the topic later would delete dead letters. */
async function missingDeadLetterTopic(run: FaultRun, random: Random): Promise<Fault> {
  const ms = random.between(1_500, 5_000);
  const create = await run.withoutDeadLetterTopic();
  return {
    targets: ['dead letters'],
    title: `no dead-letter topic for ${ms} ms`,
    async happen() {
      await sleep(ms);
      // Another fault may have stopped the broker.
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

/** Dynamic or static member, classic or new group protocol. */
function kindOfMember(random: Random): MemberOptions {
  const named = random.between(0, 1) === 0;
  const protocol = random.pick(['classic', 'classic', 'consumer']);
  return {
    env: { FILE_WAIT: '3s', ...(named ? { INSTANCE_ID: 'fault-member' } : {}) },
    args: [...QUICK, '--group-protocol', protocol],
  };
}
