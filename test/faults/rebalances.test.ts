import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/samples/seeded-random.ts';
import { FaultRun, type MemberOptions, QUICK } from './support/fault-run.ts';
import { readGeneration } from './support/group-log.ts';
import { hasRequest } from './support/kafka-requests.ts';
import { describeFaults, type Machine } from './support/machine.ts';
import type { Member } from './support/member.ts';

/** In total, for the four kinds of group. The full run has 100. */
const REBALANCES = Number(process.env.WADO_FAULTS_REBALANCES ?? 12);
const FULL_RUN_MS = 600_000;
const PER_SECOND = 150;
/** About what one change takes: the load lasts longer than most of them. */
const SECONDS_PER_CHANGE = 4;
/** Longer than the session timeout of QUICK, and of the broker for the `consumer` protocol. */
const BEYOND_THE_SESSION_MS = 3_000;

const KINDS = [
  { kind: 'cooperative members', protocol: 'classic', named: false },
  { kind: 'eager members', protocol: 'eager', named: false },
  { kind: 'members of the consumer protocol', protocol: 'consumer', named: false },
  { kind: 'static members', protocol: 'classic', named: true },
] as const;
type Kind = (typeof KINDS)[number];

describeFaults('a storm of rebalances', (machine) => {
  it.each(KINDS)(
    `$kind that join, leave, die and freeze under load skip nothing and commit nothing too early`,
    {
      timeout: FULL_RUN_MS,
    },
    async (kind) => {
      const began = performance.now();
      const { rebalances, problems } = await storm(machine, kind, Math.ceil(REBALANCES / KINDS.length));
      const ms = Math.round(performance.now() - began);
      console.log(`${kind.kind}: ${rebalances} rebalances in ${ms} ms`);
      expect(problems).toEqual([]);
      expect(rebalances).toBeGreaterThanOrEqual(Math.ceil(REBALANCES / KINDS.length));
      expect(ms).toBeLessThan(FULL_RUN_MS / KINDS.length + 60_000);
    },
  );

  it('never overwrites later commits when a member resumes that was removed during a rebalance', async () => {
    await using run = await FaultRun.create(machine, { partitions: 6 });
    const frozen = run.start({ args: QUICK, env: { INSTANCE_ID: 'a' } });
    run.load({ seed: 7, count: 3_000, perSecond: 300 });
    await frozen.until('some acks', async () => ((await frozen.figures())?.acked ?? 0) > 0);
    // It has joined the new generation and doesn't know its assignment yet.
    const hold = run.broker.hold(isSyncGroup);
    const other = run.start({ args: QUICK, direct: true });
    await hold.held;
    frozen.process.pause();
    await other.until('all partitions', () => assignedTo(other) === 6);
    await sleep(1_500);
    hold.release();
    await sleep(100);
    frozen.process.resume();
    expect(await run.verdict()).toEqual([]);
    await Promise.all([frozen.stop(), other.stop()]);
    expect(run.problems).toEqual([]);
  });
});

const isSyncGroup = hasRequest(14);

/** The most partitions that were assigned to it at once. */
function assignedTo(member: Member): number {
  return Math.max(
    0,
    ...member
      .logLines()
      .map(({ partitions, msg }) => (msg === 'partitions assigned' ? Number(Object(partitions).length) : 0)),
  );
}

async function storm(machine: Machine, kind: Kind, atLeast: number) {
  const random = seededRandom(KINDS.indexOf(kind) + 1);
  await using run = await FaultRun.create(machine, { partitions: 6 });
  const group = new Members(run, kind);
  group.join();
  group.join();
  run.load({
    seed: 100 + KINDS.indexOf(kind),
    count: atLeast * SECONDS_PER_CHANGE * PER_SECOND,
    perSecond: PER_SECOND,
  });
  let rebalances = 0;
  for (let change = 0; rebalances < atLeast || change < atLeast / 2; change++) {
    await sleep(random.between(200, 1_500));
    console.log(`${kind.kind}: ${await group.change(random)}, generation ${rebalances}`);
    rebalances = await readGeneration(run.pipeline.brokers, run.pipeline.group);
  }
  const problems = [...(await run.verdict())];
  await group.end();
  const all = [...problems, ...run.problems.filter((problem) => !problems.includes(problem))];
  if (all.length > 0) run.keepLogs(`rebalances-${kind.kind.replaceAll(' ', '-')}`);
  return { rebalances, problems: all };
}

/** The group's members: one to four at any time. */
class Members {
  readonly #run: FaultRun;
  readonly #kind: Kind;
  #members: { member: Member; name: string }[] = [];

  constructor(run: FaultRun, kind: Kind) {
    this.#run = run;
    this.#kind = kind;
  }

  /** With the first unused name: the broker identifies a static member by it. */
  join(): void {
    const taken = new Set(this.#members.map(({ name }) => name));
    const name = ['a', 'b', 'c', 'd'].find((each) => !taken.has(each)) ?? 'e';
    const options: MemberOptions = {
      direct: true,
      env: this.#kind.named ? { INSTANCE_ID: name } : {},
      args: [...QUICK, '--group-protocol', this.#kind.protocol],
    };
    this.#members.push({ member: this.#run.start(options), name });
  }

  async change(random: Random): Promise<string> {
    const count = this.#members.length;
    const what = random.pick(count < 2 ? ['join'] : count > 3 ? ['leave', 'die'] : ['join', 'leave', 'die', 'freeze']);
    const victim = random.pick(this.#members);
    if (what === 'join') this.join();
    if (what === 'freeze') {
      victim.member.process.pause();
      await sleep(BEYOND_THE_SESSION_MS);
      victim.member.process.resume();
    }
    if (what === 'leave' || what === 'die') {
      this.#members = this.#members.filter((each) => each !== victim);
      await (what === 'leave' ? victim.member.stop() : victim.member.kill());
      // The broker removes a static member only when its session ends, however the process ended.
      if (this.#kind.named) await sleep(BEYOND_THE_SESSION_MS);
    }
    return `${what} (${count} members)`;
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.map(({ member }) => member.stop()));
  }
}
