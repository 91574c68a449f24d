import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Commit, readCommits } from './support/commit-log.ts';
import { FaultRun } from './support/fault-run.ts';
import { describeFaults, type Machine } from './support/machine.ts';
import type { Member } from './support/member.ts';

/** Half of them under load, half idle until the session has ended, so that no partition has ever been committed. The full run has 20. */
const RUNS = Number(process.env.WADO_FAULTS_SURVIVOR_RUNS ?? 2);
const PARTITIONS = 6;
const PER_SECOND = 300;
/** As shipped: the broker removes the killed member after at most this time. */
const SESSION_MS = 6_000;
/** Includes the batch of up to 5 s, the write and the commit. */
const READS_MS = 10_000;
const IN_FLIGHT_MS = 500;

describeFaults('of two members with the shipped configuration, one is killed by kill -9', (machine) => {
  it.each(Array.from({ length: RUNS }, (_, i) => ({ run: i + 1, when: i % 2 === 0 ? 'idle' : 'under load' })))(
    "and the other commits for every partition within 10 s of the session's end, $when, run $run",
    { timeout: 300_000 },
    async ({ run, when }) => expect(await takeover(machine, run, when === 'idle')).toEqual([]),
  );
});

async function takeover(machine: Machine, seed: number, idle: boolean): Promise<readonly string[]> {
  await using run = await FaultRun.create(machine, { partitions: PARTITIONS });
  const { brokers, group, topics } = run.pipeline;
  const killed = run.start({ direct: true });
  const survivor = run.start({ direct: true });
  for (const member of [killed, survivor])
    await member.until('half of the partitions', () => assignedTo(member) === PARTITIONS / 2, 60_000);
  const startLoad = () => run.load({ seed, count: 120 * PER_SECOND, perSecond: PER_SECOND });
  const early = idle ? undefined : startLoad();
  // Idle long enough for the lag to be requested many times.
  await sleep(idle ? 10_000 : 2_000 + seed * 100);
  await killed.kill();
  const since = Date.now();
  if (idle) await survivor.until('all partitions', () => assignedTo(survivor) === PARTITIONS);
  const load = early ?? startLoad();
  await sleep(since + SESSION_MS + READS_MS - Date.now());

  const commits = await readCommits(brokers, group, topics.input);
  const delays = Array.from({ length: PARTITIONS }, (_, partition) => firstCommitAfter(commits, partition, since));
  console.log(`ms from kill -9 to the first commit of each partition: ${delays.map((ms) => ms ?? 'none').join(', ')}`);
  const late = delays.flatMap((ms, partition) =>
    ms !== undefined && ms <= SESSION_MS + READS_MS ? [] : [`partition ${partition} was not committed in time`],
  );
  load.stop();
  const problems = [...late, ...(await run.verdict(240_000))];
  await survivor.stop();
  return [...problems, ...run.problems.filter((problem) => !problems.includes(problem))];
}

/** How many milliseconds after `time` the partition's committed offset advanced. Commits that were already sent then don't count. */
function firstCommitAfter(commits: readonly Commit[], partition: number, time: number): number | undefined {
  const own = commits.filter((commit) => commit.partition === partition);
  const before = own.filter((commit) => commit.time <= time + IN_FLIGHT_MS).at(-1)?.offset ?? 0;
  const first = own.find((commit) => commit.time > time + IN_FLIGHT_MS && commit.offset > before);
  return first === undefined ? undefined : first.time - time;
}

/** The number of partitions in its last assignment; under the cooperative protocol a log line names the added ones only. */
function assignedTo(member: Member): number {
  const assigned = new Set<string>();
  for (const { msg, partitions } of member.logLines()) {
    for (const partition of Array.isArray(partitions) ? partitions : []) {
      if (msg === 'partitions assigned') assigned.add(String(partition));
      if (msg === 'partitions revoked') assigned.delete(String(partition));
    }
  }
  return assigned.size;
}
