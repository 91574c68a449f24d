import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { FaultRun, QUICK } from './support/fault-run.ts';
import { hasRequest } from './support/kafka-requests.ts';
import { describeFaults } from './support/machine.ts';

describeFaults('offsets that a killed process left in an open transaction', (machine) => {
  it('make the next member wait for them, even when the group rebalances meanwhile', {
    timeout: 180_000,
  }, async () => {
    await using run = await FaultRun.create(machine, { partitions: 6, exactlyOnce: true });
    const dead = run.start({ args: QUICK });
    run.load({ seed: 3, count: 3_000, perSecond: 250 });
    await dead.until('some acks', async () => ((await dead.figures())?.acked ?? 0) > 600);

    // The broker has the offsets and no end of the transaction: it stays open for 10 s.
    const hold = run.broker.hold(isTxnOffsetCommit);
    await hold.held;
    await dead.kill();
    hold.release();
    const next = run.start({ args: QUICK });
    await sleep(4_000);
    const another = run.start({ args: QUICK });

    expect(await run.verdict()).toEqual([]);
    await Promise.all([next.stop(), another.stop()]);
    expect(run.problems).toEqual([]);
  });
});

describeFaults('a transaction whose commit is not answered', (machine) => {
  it('is not published again by the same process, since the broker may have committed it', {
    timeout: 180_000,
  }, async () => {
    await using run = await FaultRun.create(machine, { exactlyOnce: true });
    const member = run.start({ args: QUICK });
    const load = run.load({ seed: 8, count: 20_000, perSecond: 100 });
    await member.until('some acks', async () => ((await member.figures())?.acked ?? 0) > 100);

    // The broker commits the transaction; its answer is delayed beyond every deadline.
    const hold = run.broker.hold(isEndTxn);
    await hold.held;
    await sleep(30_000);
    hold.release();
    load.stop();

    expect(await run.verdict()).toEqual([]);
    await member.stop();
    expect(run.problems).toEqual([]);
  });
});

const isTxnOffsetCommit = hasRequest(28);
const isEndTxn = hasRequest(26);
