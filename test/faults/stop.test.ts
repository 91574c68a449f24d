import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { FaultRun, QUICK } from './support/fault-run.ts';
import { hasRequest } from './support/kafka-requests.ts';
import { describeFaults } from './support/machine.ts';

describeFaults('a service that receives SIGTERM exits in time, whatever its servers do', (machine) => {
  for (const [title, args] of [
    ['at least once', QUICK],
    ['exactly once', [...QUICK, '--exactly-once']],
  ] as const) {
    it(`within 10 s of SIGTERM while the broker does not answer, ${title}`, { timeout: 120_000 }, async () => {
      await using run = await FaultRun.create(machine, { partitions: 3 });
      const member = run.start({ args });
      run.load({ seed: 1, count: 600, perSecond: 200 });
      await member.until('records are acked', async () => ((await member.figures())?.acked ?? 0) > 0);

      run.broker.blackHole(true);
      await sleep(1_000);
      // After its own deadline it may abandon what is in flight, with SIGKILL when the client never returns from a call.
      await member.stop({ mayForce: true });
      run.broker.blackHole(false);

      run.start({ args });
      expect(await run.verdict()).toEqual([]);
    });
  }

  it.each([
    ['at least once', false],
    ['exactly once', true],
  ] as const)(
    'cleanly while the broker does not answer and nothing is in flight, %s',
    {
      timeout: 120_000,
    },
    async (_, exactlyOnce) => {
      await using run = await FaultRun.create(machine, { partitions: 3, exactlyOnce });
      const member = run.start();
      run.load({ seed: 1, count: 600, perSecond: 300 });
      expect(await run.verdict()).toEqual([]);

      run.broker.blackHole(true);
      await sleep(1_000);
      expect(await member.stop()).toEqual({ code: 0, signal: null });
      run.broker.blackHole(false);
      expect(run.problems).toEqual([]);
    },
  );

  // Clients of the earlier graph were closed in the middle of a call: one that stays open would keep the process running for ever.
  it('cleanly after an outage in which its partitions were reassigned, exactly once', {
    timeout: 180_000,
  }, async () => {
    await using run = await FaultRun.create(machine, { partitions: 3, exactlyOnce: true });
    const member = run.start({ args: QUICK });
    const load = run.load({ seed: 1, count: 8_000, perSecond: 200 });
    await member.until('records are acked', async () => ((await member.figures())?.acked ?? 0) > 0);

    run.broker.blackHole(true);
    await member.untilLogged(FAILED, 60_000);
    run.broker.blackHole(false);

    await load.done;
    expect(await run.verdict()).toEqual([]);
    expect(await member.stop()).toEqual({ code: 0, signal: null });
    expect(run.problems).toEqual([]);
  });

  // The client must not be closed while a request is pending, nor be sent a request once it is closed.
  it.each([0, 400, 800, 1_600])(
    'cleanly %i ms after it has requested its committed offsets, without an answer',
    async (ms) => {
      await using run = await FaultRun.create(machine, { partitions: 3 });
      const hold = run.broker.hold(isOffsetFetch);
      const member = run.start({ args: QUICK });
      await hold.held;
      await sleep(ms);
      const end = member.stop();
      await sleep(ms / 2);
      hold.release();
      expect(await end).toEqual({ code: 0, signal: null });
      expect(run.problems).toEqual([]);
    },
  );

  it('cleanly when SIGTERM comes with its very first log line', async () => {
    await using run = await FaultRun.create(machine, { partitions: 3 });
    const member = run.start({
      args: QUICK,
      env: { NODE_OPTIONS: `--import=data:text/javascript,${SIGNAL_AT_START}` },
    });
    expect(await member.exits()).toEqual({ code: 0, signal: null });
  });
});

const FAILED = 'topology failed, restarting from the committed offsets';

/** Runs in the member, so that the signal comes as early as possible. */
const SIGNAL_AT_START = encodeURIComponent(`
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text, ...rest) => {
    const written = write(text, ...rest);
    if (String(text).includes('"started"')) process.kill(process.pid, 'SIGTERM');
    return written;
  };
`);

const isOffsetFetch = hasRequest(9);
