import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { FaultRun, type MemberOptions } from './support/fault-run.ts';
import { describeFaults, type Machine } from './support/machine.ts';
import type { Member } from './support/member.ts';

/** Promise 25, with the shipped configuration: session_timeout 6s, commit_period 1s, batching.period 5s. */
const COMEBACK_MS = 10_000;
const PER_SECOND = 100;

describeFaults('a process that was killed by kill -9 and is started again', (machine) => {
  it.each<{ kind: string; options: MemberOptions }>([
    { kind: 'without an instance_id', options: {} },
    { kind: 'with an instance_id', options: { env: { INSTANCE_ID: 'lasting' } } },
    {
      kind: 'exactly once, with an instance_id',
      options: { env: { INSTANCE_ID: 'lasting' }, args: ['--exactly-once'] },
    },
  ])('commits again within 10 s, $kind', { timeout: 240_000 }, async ({ kind, options }) => {
    expect(await comeback(machine, kind, options)).toEqual([]);
  });
});

/** Waits until the broker has a commit beyond the sum of offsets `above`: an acknowledged batch is no commit yet. */
function untilCommitted(run: FaultRun, member: Member, above: number): Promise<void> {
  return member.until('a commit', async () => (await run.pipeline.committed().catch(() => 0)) > above, 60_000);
}

/** Kills it three times; returns one sentence per problem. */
async function comeback(machine: Machine, kind: string, options: MemberOptions): Promise<readonly string[]> {
  await using run = await FaultRun.create(machine);
  const direct = { ...options, direct: true };
  let member = run.start(direct);
  const load = run.load({ seed: 25, count: 60 * PER_SECOND, perSecond: PER_SECOND });
  const problems: string[] = [];
  for (let kill = 1; kill <= 3; kill++) {
    await untilCommitted(run, member, 0);
    await sleep(1_500 + kill * 300);
    await member.kill();
    const before = await run.pipeline.committed();
    const began = performance.now();
    member = run.start(direct);
    await untilCommitted(run, member, before);
    const ms = Math.round(performance.now() - began);
    console.log(`${kind}: commits again ${ms} ms after kill -9`);
    if (ms > COMEBACK_MS) problems.push(`kill ${kill}: committed again only after ${ms} ms`);
  }
  load.stop();
  problems.push(...(await run.verdict()));
  await member.stop();
  return [...problems, ...run.problems.filter((problem) => !problems.includes(problem))];
}
