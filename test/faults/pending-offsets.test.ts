import { expect, it } from 'vitest';
import { FaultRun, QUICK } from './support/fault-run.ts';
import { describeFaults } from './support/machine.ts';
import { sleep } from './support/member.ts';

describeFaults('offsets that a dead process left in an open transaction', (machine) => {
  it('make its heir wait, and not begin anew, even when the group changes meanwhile', {
    timeout: 180_000,
  }, async () => {
    await using run = await FaultRun.create(machine, { partitions: 6, exactlyOnce: true });
    const dead = run.start({ args: QUICK });
    run.load({ seed: 3, count: 3_000, perSecond: 250 });
    await dead.until('some acks', async () => ((await dead.figures())?.acked ?? 0) > 600);

    // The broker has the offsets, the transaction is never ended: it stays open for 10 s.
    const hold = run.broker.hold(isTxnOffsetCommit);
    await hold.held;
    await dead.kill();
    hold.release();
    const heir = run.start({ args: QUICK });
    await sleep(4_000);
    const another = run.start({ args: QUICK });

    expect(await run.verdict()).toEqual([]);
    await Promise.all([heir.stop(), another.stop()]);
    expect(run.problems).toEqual([]);
  });
});

describeFaults('a transaction whose commit is not answered', (machine) => {
  it('is not published again by the same process, since it may well have happened', { timeout: 180_000 }, async () => {
    await using run = await FaultRun.create(machine, { exactlyOnce: true });
    const member = run.start({ args: QUICK });
    const load = run.load({ seed: 8, count: 20_000, perSecond: 100 });
    await member.until('some acks', async () => ((await member.figures())?.acked ?? 0) > 100);

    // The broker does what it is asked for; only nobody hears of it, for longer than anybody waits.
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

/** Kafka's API keys 28 and 26, behind the length. */
function isTxnOffsetCommit(request: Buffer): boolean {
  return request.length > 8 && request.readInt16BE(4) === 28;
}
function isEndTxn(request: Buffer): boolean {
  return request.length > 8 && request.readInt16BE(4) === 26;
}
