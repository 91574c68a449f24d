import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { FaultRun } from './support/fault-run.ts';
import { describeFaults } from './support/machine.ts';
import type { Figures, Member } from './support/member.ts';

const SHIM = fileURLToPath(new URL('support/clock.c', import.meta.url));
const HOUR = 3_600;
/** Promise 15: batching.period is 5 s, the rest allows for a busy machine. The fault would delay a batch by an hour. */
const FLUSH_MS = 8_000;
const HALF_A_BATCH = 25;

describeFaults('the system clock jumping', (machine) => {
  it('an hour back, and forward again, delays no batch and no commit, and loses nothing', {
    timeout: 180_000,
  }, async (context) => {
    await using run = await FaultRun.create(machine);
    const library = join(run.pipeline.folder, 'clock.so');
    const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, SHIM, '-ldl', '-lpthread']);
    if (status !== 0) context.skip('there is no C compiler here to build the shifted clock with');
    const file = join(run.pipeline.folder, 'clock-shift');
    const jump = (seconds: number) => writeFileSync(file, String(seconds));
    jump(0);
    const member = run.start({ direct: true, env: { LD_PRELOAD: library, CLOCK_SHIFT_FILE: file } });
    await member.untilLogged('partitions assigned');
    let sent = 0;
    const send = async (count: number, perSecond?: number) => {
      sent += count;
      await run.load({ seed: sent, count, ...(perSecond === undefined ? {} : { perSecond }) }).done;
    };

    for (const shift of [-HOUR, 0]) {
      await send(HALF_A_BATCH);
      await untilFigure(member, 'consumed', sent, 20_000);
      jump(shift);
      expect(await untilFigure(member, 'acked', sent, 30_000)).toBeLessThan(FLUSH_MS);
      await member.until(
        'its log has the shifted time',
        () => Math.abs(timeLogged(member) - Date.now() - shift * 1_000) < 60_000,
      );
      // Longer than a session: heartbeats and commits have to continue too.
      await send(1_000, 100);
      await run.pipeline.untilCommitted(15_000);
    }
    expect(await run.verdict()).toEqual([]);
    expect(member.logLines().filter(({ msg }) => msg === 'partitions revoked')).toEqual([]);
    await member.stop();
    expect(run.problems).toEqual([]);
  });
});

/** Returns how many milliseconds it took. */
async function untilFigure(member: Member, name: keyof Figures, least: number, timeoutMs: number): Promise<number> {
  const began = performance.now();
  await member.until(`${name} ${least}`, async () => ((await member.figures())?.[name] ?? 0) >= least, timeoutMs);
  return performance.now() - began;
}

/** The time of the last line in the service's log. */
function timeLogged(member: Member): number {
  return Date.parse(String(member.logLines().at(-1)?.time));
}
