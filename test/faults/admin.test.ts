import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { FaultRun, QUICK } from './support/fault-run.ts';
import { describeFaults } from './support/machine.ts';

describeFaults("asking for a group's offsets", (machine) => {
  it('fails while the broker is down or starting, and returns the same offsets afterwards', async () => {
    await using run = await FaultRun.create(machine, { partitions: 3 });
    const member = run.start({ args: QUICK });
    run.load({ seed: 1, count: 100 });
    expect(await run.verdict()).toEqual([]);
    await member.stop();

    const answers: (number | 'failed')[] = [];
    let asking = true;
    const asked = (async () => {
      while (asking) {
        answers.push(await run.pipeline.lag().catch(() => 'failed' as const));
        await sleep(5);
      }
    })();
    await machine.kill('kafka');
    // Down until a call has failed.
    await expect.poll(() => answers.at(-1), { timeout: 30_000 }).toBe('failed');
    await machine.start('kafka');
    await expect.poll(() => answers.at(-1), { timeout: 30_000 }).toBe(0);
    asking = false;
    await asked;
    expect(new Set(answers)).toEqual(new Set([0, 'failed']));
  });
});
