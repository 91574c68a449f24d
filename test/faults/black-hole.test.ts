import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { FaultRun } from './support/fault-run.ts';
import { describeFaults } from './support/machine.ts';
import type { Member } from './support/member.ts';

/** Promise 13. */
const NOTICED_MS = 30_000;
const PER_SECOND = 100;

describeFaults('a black hole: packets are dropped without any error', (machine) => {
  it.each([
    { to: 'the database', line: 'database', count: 60 * PER_SECOND, acked: 1 },
    { to: 'the broker', line: 'broker', count: 60 * PER_SECOND, acked: 1 },
    // One full batch, then no records: nothing waits for an acknowledgement that never arrives.
    { to: 'the broker of an idle service', line: 'broker', count: 50, acked: 50 },
  ] as const)(
    'to $to is noticed within 30 s, and the service recovers without a restart',
    { timeout: 240_000 },
    async (hole) => {
      const { line, count, acked } = hole;
      // The shipped configuration with its deadlines.
      await using run = await FaultRun.create(machine);
      const member = run.start();
      const load = run.load({ seed: 13, count, perSecond: PER_SECOND });
      await member.until('ready', () => member.ready());
      await member.until('some acks', async () => ((await member.figures())?.acked ?? 0) >= acked);

      run[line].blackHole(true);
      const began = performance.now();
      await member.until('/ready is 503', async () => !(await member.ready()), 2 * NOTICED_MS);
      const ms = Math.round(performance.now() - began);
      console.log(`black hole to ${hole.to}: noticed after ${ms} ms`);
      expect(ms).toBeLessThan(NOTICED_MS);
      await sleep(2_000);
      run[line].blackHole(false);
      await sleep(3_000);
      load.stop();
      const problems = await run.verdict();
      await member.until('ready again', () => member.ready(), 10_000);
      expect(timesStarted(member)).toBe(1);
      await member.stop();
      expect([...problems, ...run.problems]).toEqual([]);
    },
  );
});

/** How often the process or its topology was started. */
function timesStarted(member: Member): number {
  return member.logLines().filter(({ msg }) => msg === 'started' || String(msg).startsWith('topology failed')).length;
}
